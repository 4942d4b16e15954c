/**
 * `linescribe models add`: takes a model that the exporter made into the manifest of the user's folder.
 */
import { copyFile, readFile, rename } from "node:fs/promises";
import path from "node:path";
import pc from "picocolors";
import { loadHubSettings } from "../../app/hub.ts";
import { readWhisperMetadata, type WhisperMetadata } from "../../asr/metadata.ts";
import { LinescribeError, messageOf } from "../../base/error.ts";
import { digestOf } from "../../models/digest.ts";
import { lockFolder } from "../../models/lock.ts";
import type { ModelEntry } from "../../models/manifest.ts";
import { expectOwnFolder, readOwnManifest, withModels, writeManifest } from "../../models/merge.ts";
import { notWritten, syncFolder } from "../../models/write.ts";
import { print, printJson } from "../terminal.ts";
import { settingFor } from "./setting.ts";

export interface AddModelOptions {
  tokenizer?: string;
  into?: string;
  json?: boolean;
  config?: string;
}

/**
 * Adds `NAME.onnx` of the folder of models. The tokenizer is `NAME.tokenizer.json` beside it, or is copied there.
 *
 * @throws {LinescribeError} MODEL_MISSING, MODEL_ALTERED when the file is not of our exporter or the tokenizer of another
 *   model; MODEL_AMBIGUOUS, MODEL_LOCKED, MODEL_NOT_WRITTEN.
 */
export async function addModel(name: string, options: AddModelOptions): Promise<void> {
  const settings = loadHubSettings({ file: options.config, into: options.into });
  const folder = path.resolve(settings.folder);
  expectOwnFolder(folder);
  const graph = path.join(folder, `${name}.onnx`);
  const metadata = await readWhisperMetadata(graph);
  const tokenizer = path.join(folder, `${name}.tokenizer.json`);
  const given = options.tokenizer === undefined ? tokenizer : path.resolve(options.tokenizer);
  await checkTokenizer(given, metadata);
  const lock = await lockFolder(folder);
  try {
    const { licence, source } = metadata;
    const entries = [
      await entryOf({ name, purpose: "asr", licence, source }, graph),
      await entryOf({ name: `${name}.tokenizer`, purpose: "tokenizer", licence, source }, given, tokenizer),
    ];
    const manifest = withModels(readOwnManifest(folder), entries);
    if (given !== tokenizer) await placeCopy(given, tokenizer);
    await writeManifest(folder, manifest);
    if (options.json)
      for (const entry of entries) printJson({ ...entry, path: path.join(folder, entry.file) });
    else print(`${pc.green("ok")}    ${name} is in ${folder}; ${settingFor(metadata.device, name)}`);
  } finally {
    await lock.release();
  }
}

async function entryOf(
  about: Omit<ModelEntry, "file" | "bytes" | "sha256">,
  file: string,
  place: string = file,
): Promise<ModelEntry> {
  const { bytes, hex } = await digestOf(file, "sha256");
  return { ...about, file: path.basename(place), bytes, sha256: hex };
}

/** One of another model would turn every text into nonsense, and nothing later would notice. */
async function checkTokenizer(file: string, { tokens }: WhisperMetadata): Promise<void> {
  let found: number | undefined;
  try {
    const { added_tokens: added } = JSON.parse(await readFile(file, "utf8")) as {
      added_tokens: { content: string; id: number }[];
    };
    found = added.find(({ content }) => content === "<|endoftext|>")?.id;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const message = `Expected the tokenizer.json of the weights at ${file}, got: ${messageOf(cause)}. Name it with --tokenizer.`;
    throw new LinescribeError(missing ? "MODEL_MISSING" : "MODEL_ALTERED", message, { cause });
  }
  if (found === tokens.endOfText) return;
  const message = `${file} is the tokenizer of another model: its <|endoftext|> is ${found ?? "not there"}, the model's is ${tokens.endOfText}`;
  throw new LinescribeError("MODEL_ALTERED", message);
}

async function placeCopy(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, `${to}.new`);
    await rename(`${to}.new`, to);
    await syncFolder(path.dirname(to));
  } catch (error) {
    throw notWritten(to, error);
  }
}
