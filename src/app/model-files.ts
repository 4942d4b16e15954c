/**
 * The files of a recognition model: the graph, and the tokenizer that is called after it.
 */
import path from "node:path";
import { type Device, expectModelFor } from "../asr/device.ts";
import { readWhisperMetadata } from "../asr/metadata.ts";
import type { ModelFiles } from "../asr/recogniser-options.ts";
import {
  findModel,
  type Manifest,
  type ModelEntry,
  modelsDirectory,
  readManifest,
  verifyModel,
} from "../models/manifest.ts";

function entriesOf(manifest: Manifest, model: string): { model: ModelEntry; tokenizer: ModelEntry } {
  return { model: findModel(manifest, model), tokenizer: findModel(manifest, `${model}.tokenizer`) };
}

/** Paths of a recognition model and its tokenizer. @throws {LinescribeError} `MODEL_MISSING`. */
export function recogniserFiles(name: string, models = modelsDirectory()): ModelFiles {
  const { model, tokenizer } = entriesOf(readManifest(models), name);
  return { modelPath: path.join(models, model.file), tokenizerPath: path.join(models, tokenizer.file) };
}

/** Size of the graph's file, by the manifest; bytes. @throws {LinescribeError} `MODEL_MISSING`. */
export function modelBytes(name: string, models = modelsDirectory()): number {
  return entriesOf(readManifest(models), name).model.bytes;
}

/**
 * Verifies the files of a model, and that it was made for such a device.
 *
 * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED` or `MODEL_WRONG_DEVICE`.
 */
export async function verifiedFiles(
  name: string,
  kind: Device["kind"],
  models = modelsDirectory(),
): Promise<ModelFiles> {
  const { model, tokenizer } = entriesOf(readManifest(models), name);
  const [modelPath, tokenizerPath] = await Promise.all([
    verifyModel(model, models),
    verifyModel(tokenizer, models),
  ]);
  expectModelFor(kind, await readWhisperMetadata(modelPath), modelPath);
  return { modelPath, tokenizerPath };
}
