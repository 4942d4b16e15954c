/**
 * The files of a recognition model: the graph, and the tokenizer that is called after it.
 */
import { type Device, expectModelFor } from "../asr/device.ts";
import { readWhisperMetadata } from "../asr/metadata.ts";
import type { ModelFiles } from "../asr/recogniser-options.ts";
import { type PlacedModel, pathOf, readModels } from "../models/folders.ts";
import { findModel, verifyModel } from "../models/manifest.ts";

function entriesOf(name: string, own: string | null): { model: PlacedModel; tokenizer: PlacedModel } {
  const models = readModels(own);
  return { model: findModel(models, name), tokenizer: findModel(models, `${name}.tokenizer`) };
}

/**
 * Paths of a recognition model and its tokenizer.
 *
 * @param own - The user's own folder of models, or null for the package's alone.
 * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_AMBIGUOUS` or `MODEL_ALTERED` as their manifests say; the files
 *   themselves are not read.
 */
export function recogniserFiles(name: string, own: string | null = null): ModelFiles {
  const { model, tokenizer } = entriesOf(name, own);
  return { modelPath: pathOf(model), tokenizerPath: pathOf(tokenizer) };
}

/** Size of the graph's file, by the manifest; bytes. @throws {LinescribeError} as `recogniserFiles`. */
export function modelBytes(name: string, own: string | null = null): number {
  return entriesOf(name, own).model.bytes;
}

/**
 * Verifies the files of a model, and that it was made for such a device.
 *
 * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_AMBIGUOUS`, `MODEL_ALTERED` or `MODEL_WRONG_DEVICE`.
 */
export async function verifiedFiles(
  name: string,
  kind: Device["kind"],
  own: string | null = null,
): Promise<ModelFiles> {
  const { model, tokenizer } = entriesOf(name, own);
  const [modelPath, tokenizerPath] = await Promise.all([
    verifyModel(model, model.folder),
    verifyModel(tokenizer, tokenizer.folder),
  ]);
  expectModelFor(kind, await readWhisperMetadata(modelPath), modelPath);
  return { modelPath, tokenizerPath };
}
