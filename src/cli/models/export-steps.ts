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

/**
 * Commands for a shell, one after the other.
 *
 * @param models - The user's folder of models, where the model goes.
 */
export function exportSteps({ name, folder, licence, source }: Pulled, models: string): string[] {
  const called = nameFor(name);
  const graph = path.join(path.resolve(models), `${called}.onnx`);
  const exporter = existsSync(EXPORTER) ? EXPORTER : "models/export/export.py";
  const options = ["--name", called, "--source", source, ...(licence === null ? [] : ["--licence", licence])];
  return [["python", exporter, folder, graph, ...options]].map((words) => words.map(quoted).join(" "));
}

/** The package's own names are taken. */
function nameFor(name: string): string {
  return readManifest(modelsDirectory()).models.some((entry) => entry.name === name) ? `${name}-own` : name;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
