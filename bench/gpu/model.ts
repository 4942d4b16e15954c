/**
 * The model of a bench: one of the manifest, or any file, in a models folder of its own so that the engine takes it as it
 * takes every other.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { loadSection } from "../../src/app/config.ts";
import { recogniserFiles } from "../../src/app/model-files.ts";
import { type Device, expectModelFor } from "../../src/asr/device.ts";
import { readWhisperMetadata, type WhisperMetadata } from "../../src/asr/metadata.ts";
import { digestOf } from "../../src/models/digest.ts";
import { readManifest } from "../../src/models/manifest.ts";
import type { WhisperSizes } from "./arithmetic.ts";
import { decoderLayers } from "./decoder-layers.ts";

export interface BenchModel {
  /** As manifests call it. */
  name: string;
  /** Folder of models that is looked in beside the package's. */
  models: string;
  modelPath: string;
  tokenizerPath: string;
  metadata: WhisperMetadata;
  sizes: WhisperSizes;
  /** Takes away what was made for it. */
  remove(): void;
}

/**
 * @param model - A name in a manifest, the package's or that of pulled models, or the path of an `.onnx` file of models/export, its tokenizer beside
 *   it as `NAME.tokenizer.json`.
 * @throws {RangeError} when there is no such file.
 * @throws {LinescribeError} `MODEL_...`, also for a model of the other kind of device.
 */
export async function openModel(model: string, kind: Device["kind"]): Promise<BenchModel> {
  const given = model.endsWith(".onnx") ? await folderFor(path.resolve(model)) : null;
  const models = given?.models ?? loadSection("models", { file: null, environment: {} });
  const remove = (): void => {
    if (given) rmSync(given.models, { recursive: true });
  };
  try {
    return { ...(await factsOf(given?.name ?? model, models, kind)), models, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

async function factsOf(name: string, models: string, kind: Device["kind"]) {
  const files = recogniserFiles(name, models);
  const metadata = await readWhisperMetadata(files.modelPath);
  expectModelFor(kind, metadata, name);
  const { width, encoderLayers, melBands, vocabulary, tailPool, tailBlocks } = metadata;
  const layers = { encoderLayers, decoderLayers: await decoderLayers(files.modelPath) };
  return {
    name,
    ...files,
    metadata,
    sizes: { width, ...layers, melBands, vocabulary, tailPool, tailBlocks },
  };
}

/** A models folder with links to the file and to what lies beside it under its name. */
async function folderFor(modelPath: string): Promise<{ name: string; models: string }> {
  const stem = path.basename(modelPath, ".onnx");
  const beside = path.dirname(modelPath);
  const tokenizer = `${stem}.tokenizer.json`;
  for (const file of [modelPath, path.join(beside, tokenizer)])
    if (!existsSync(file)) throw new RangeError(`Expected a file ${file}`);
  // Under the name of one of the package's there would be two.
  const name = readManifest().models.some((entry) => entry.name === stem) ? `${stem}-given` : stem;
  const entryOf = async (file: string) => {
    const [licence, source] = ["unknown", "a file that was named"];
    const { bytes, hex } = await digestOf(path.join(beside, file), "sha256");
    return { licence, source, file, bytes, sha256: hex };
  };
  const entries = [
    { ...(await entryOf(`${stem}.onnx`)), name, purpose: "asr" },
    { ...(await entryOf(tokenizer)), name: `${name}.tokenizer`, purpose: "tokenizer" },
  ];
  const models = mkdtempSync(path.join(os.tmpdir(), "linescribe-models-"));
  // Weights beyond 2 GB lie in a file beside the graph.
  const files = readdirSync(beside).filter((file) => file.startsWith(`${stem}.`));
  for (const file of files) symlinkSync(path.join(beside, file), path.join(models, file));
  writeFileSync(path.join(models, "manifest.json"), JSON.stringify({ models: entries }));
  return { name, models };
}
