/**
 * The model of a bench: one of the manifest, or any file, in a models folder of its own so that the engine takes it as it
 * takes every other.
 */
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { recogniserFiles } from "../../src/app/model-files.ts";
import { type Device, expectModelFor } from "../../src/asr/device.ts";
import { readWhisperMetadata, type WhisperMetadata } from "../../src/asr/metadata.ts";
import { modelsDirectory, readManifest } from "../../src/models/manifest.ts";
import type { WhisperSizes } from "./arithmetic.ts";
import { decoderLayers } from "./decoder-layers.ts";

export interface BenchModel {
  /** As manifests call it. */
  name: string;
  /** Folder with a `manifest.json` that has it, beside the package's models; null when the package's has it. */
  models: string | null;
  modelPath: string;
  tokenizerPath: string;
  metadata: WhisperMetadata;
  sizes: WhisperSizes;
  /** Takes away what was made for it. */
  remove(): void;
}

/**
 * @param model - A name of the package's manifest, or the path of an `.onnx` file of models/export, its tokenizer beside
 *   it as `NAME.tokenizer.json`.
 * @throws {RangeError} when there is no such file.
 * @throws {LinescribeError} `MODEL_...`, also for a model of the other kind of device.
 */
export async function openModel(model: string, kind: Device["kind"]): Promise<BenchModel> {
  const given = model.endsWith(".onnx") ? await folderFor(path.resolve(model)) : null;
  const { name, models } = given ?? { name: model, models: null };
  const files = recogniserFiles(name, models ?? modelsDirectory());
  const remove = (): void => {
    if (models !== null) rmSync(models, { recursive: true });
  };
  const metadata = await readWhisperMetadata(files.modelPath);
  try {
    expectModelFor(kind, metadata, model);
  } catch (error) {
    remove();
    throw error;
  }
  const { width, encoderLayers, melBands, vocabulary, tailPool, tailBlocks } = metadata;
  return {
    name,
    models,
    ...files,
    metadata,
    sizes: {
      width,
      encoderLayers,
      decoderLayers: await decoderLayers(files.modelPath),
      melBands,
      vocabulary,
      tailPool,
      tailBlocks,
    },
    remove,
  };
}

/** A models folder with links to the file, to what lies beside it under its name, and to the package's models. */
async function folderFor(modelPath: string): Promise<{ name: string; models: string }> {
  const stem = path.basename(modelPath, ".onnx");
  const beside = path.dirname(modelPath);
  const tokenizer = `${stem}.tokenizer.json`;
  for (const file of [modelPath, path.join(beside, tokenizer)])
    if (!existsSync(file)) throw new RangeError(`Expected a file ${file}`);
  const packaged = readManifest().models;
  // Under the name of another there would be two.
  const name = packaged.some((entry) => entry.name === stem) ? `${stem}-given` : stem;
  const linkOf = (file: string) =>
    packaged.some((entry) => entry.file === file) ? file.replace(stem, name) : file;
  const entryOf = async (file: string) => {
    const [licence, source] = ["unknown", "a file that was named"];
    return { licence, source, file: linkOf(file), ...(await facts(path.join(beside, file))) };
  };
  const entries = [
    ...packaged,
    { ...(await entryOf(`${stem}.onnx`)), name, purpose: "asr" },
    { ...(await entryOf(tokenizer)), name: `${name}.tokenizer`, purpose: "tokenizer" },
  ];
  const models = mkdtempSync(path.join(os.tmpdir(), "linescribe-models-"));
  const link = (from: string, file: string) =>
    symlinkSync(path.join(from, file), path.join(models, linkOf(file)));
  // Weights beyond 2 GB lie in a file beside the graph.
  for (const file of readdirSync(beside)) if (file.startsWith(`${stem}.`)) link(beside, file);
  for (const { file } of packaged) symlinkSync(path.join(modelsDirectory(), file), path.join(models, file));
  writeFileSync(path.join(models, "manifest.json"), JSON.stringify({ models: entries }));
  return { name, models };
}

async function facts(file: string) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return { bytes: statSync(file).size, sha256: hash.digest("hex") };
}
