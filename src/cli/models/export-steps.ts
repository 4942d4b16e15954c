/**
 * What a person types to make a model of weights that were pulled.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Pulled } from "../../hub/pull.ts";
import { modelsDirectory, readManifest } from "../../models/manifest.ts";

/** In a clone; packages come without it. */
const EXPORTER = fileURLToPath(new URL("../../../models/export/export.py", import.meta.url));

export interface ExportSteps {
  /** Commands for a shell, one after the other. */
  readonly processor: readonly string[];
  /** The same for a CUDA card. */
  readonly card: readonly string[];
}

/** @param models - The user's folder of models, where the model goes. */
export function exportSteps(pulled: Pulled, models: string): ExportSteps {
  const name = nameFor(pulled.name);
  return {
    processor: stepsOf(pulled, models, name, []),
    card: stepsOf(pulled, models, `${pulled.name}-cuda`, ["--precision", "float16"]),
  };
}

function stepsOf(
  { folder, licence, source }: Pulled,
  models: string,
  name: string,
  more: readonly string[],
): string[] {
  const place = path.resolve(models);
  const inClone = existsSync(EXPORTER);
  const exporter = inClone ? EXPORTER : "models/export/export.py";
  // A clone installs no command.
  const linescribe = inClone ? ["npm", "run", "linescribe", "--"] : ["linescribe"];
  // Without one the exporter would write its own default, that of Whisper.
  const about = ["--name", name, "--source", source, "--licence", licence ?? "unknown"];
  const tokenizer = path.join(folder, "tokenizer.json");
  return [
    ["python", exporter, folder, path.join(place, `${name}.onnx`), ...more, ...about],
    [...linescribe, "models", "add", name, "--tokenizer", tokenizer, "--into", place],
  ].map((words) => words.map(quoted).join(" "));
}

/** The package's own names are taken. */
function nameFor(name: string): string {
  return readManifest(modelsDirectory()).models.some((entry) => entry.name === name) ? `${name}-own` : name;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
