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
import { recogniserFiles, VAD_MODEL } from "../../src/app/engine.ts";
import { readWhisperMetadata, type WhisperMetadata } from "../../src/asr/metadata.ts";
import { findModel, modelsDirectory, readManifest } from "../../src/models/manifest.ts";
import type { WhisperSizes } from "./arithmetic.ts";
import { decoderLayers } from "./decoder-layers.ts";

export interface BenchModel {
  /** As the manifest in `models` calls it. */
  name: string;
  /** Folder with `manifest.json`. */
  models: string;
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
 */
export async function openModel(model: string): Promise<BenchModel> {
  const isFile = model.endsWith(".onnx");
  const name = isFile ? path.basename(model, ".onnx") : model;
  const models = isFile ? await folderFor(path.resolve(model), name) : modelsDirectory();
  const files = recogniserFiles(name, models);
  const metadata = await readWhisperMetadata(files.modelPath);
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
    remove: () => {
      if (isFile) rmSync(models, { recursive: true });
    },
  };
}

/** A models folder with links to the file, to what lies beside it under its name, and to the speech detector. */
async function folderFor(modelPath: string, name: string): Promise<string> {
  const tokenizerPath = modelPath.replace(/\.onnx$/, ".tokenizer.json");
  for (const file of [modelPath, tokenizerPath]) {
    if (!existsSync(file)) throw new Error(`Expected a file ${file}`);
  }
  const vad = findModel(readManifest(), VAD_MODEL);
  const own = { licence: "unknown", source: "a file that was named" };
  const entries = [
    vad,
    { ...own, ...(await facts(modelPath)), name, purpose: "asr" },
    { ...own, ...(await facts(tokenizerPath)), name: `${name}.tokenizer`, purpose: "tokenizer" },
  ];
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-models-"));
  symlinkSync(path.join(modelsDirectory(), vad.file), path.join(folder, vad.file));
  const beside = path.dirname(modelPath);
  // Weights beyond 2 GB lie in a file beside the graph.
  for (const file of readdirSync(beside).filter((file) => file.startsWith(`${name}.`)))
    symlinkSync(path.join(beside, file), path.join(folder, file));
  writeFileSync(path.join(folder, "manifest.json"), JSON.stringify({ models: entries }));
  return folder;
}

async function facts(file: string) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return { file: path.basename(file), bytes: statSync(file).size, sha256: hash.digest("hex") };
}
