/**
 * The manifest of model files: where they lie, what they are, and whether they are the files that were published.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { LinescribeError, messageOf } from "../base/error.ts";
import { digestOf } from "./digest.ts";

export const MANIFEST_FILE = "manifest.json";
/** Larger manifests are refused before they are parsed. */
export const MANIFEST_MAXIMUM_BYTES = 256 * 1024;

const modelEntry = z.strictObject({
  /** What configuration and logs call the model, for example `silero-vad-6.2`. */
  name: z.string().regex(/^[\w.-]{1,100}$/),
  /** File name beside the manifest; never a path, so that a manifest cannot point outside its folder. */
  file: z.string().regex(/^(?!\.)[\w.-]{1,200}$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().positive(),
  /** SPDX identifier. As `source`, it may come from a hub and is shown in terminals, which obey control characters. */
  licence: z.string().regex(/^[\x20-\x7e]{1,100}$/),
  /** Where the file comes from, exact enough to get it again. */
  source: z.string().regex(/^\P{Cc}{1,1000}$/u),
  purpose: z.enum(["vad", "asr", "tokenizer"]),
});

const manifest = z
  .strictObject({ models: z.array(modelEntry).max(100) })
  .refine(({ models }) => new Set(models.map(({ name }) => name)).size === models.length, {
    error: "two models have the same name",
  });

export type ModelEntry = Readonly<z.infer<typeof modelEntry>>;
export type Manifest = { readonly models: readonly ModelEntry[] };

/** The package's own `models/` folder, absolute; the same from `src/` in a clone and from `dist/` in a package. */
export function modelsDirectory(): string {
  return fileURLToPath(new URL("../../models", import.meta.url));
}

/**
 * Reads `manifest.json` of a models folder. Blocks; meant for start-up.
 *
 * @throws {LinescribeError} `MODEL_MISSING` when there is none, `MODEL_ALTERED` when it has another shape.
 */
export function readManifest(directory: string = modelsDirectory()): Manifest {
  const file = path.join(directory, MANIFEST_FILE);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new LinescribeError(
      "MODEL_MISSING",
      `Expected the manifest of the models at ${file}, got: ${messageOf(cause)}. ` +
        "Set the models folder to one that holds a manifest.json, or reinstall.",
      { cause },
    );
  }
  return parseManifest(text, file);
}

/**
 * @param where - For the message: a path, or what the text is otherwise known by.
 * @throws {LinescribeError} `MODEL_ALTERED` when the text is no manifest, or longer than one may be.
 */
export function parseManifest(text: string, where: string): Manifest {
  try {
    if (text.length > MANIFEST_MAXIMUM_BYTES) throw new Error(`it is longer than ${MANIFEST_MAXIMUM_BYTES}`);
    return manifest.parse(JSON.parse(text));
  } catch (cause) {
    const faults = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw new LinescribeError("MODEL_ALTERED", `The model manifest ${where} is not usable: ${faults}`, {
      cause,
    });
  }
}

/**
 * The entry called `name`, of one manifest or of several folders.
 *
 * @throws {LinescribeError} `MODEL_MISSING`, naming the models there are; `MODEL_AMBIGUOUS` when two folders have
 *   different files under this name.
 */
export function findModel<Entry extends ModelEntry>(
  models: { readonly models: readonly Entry[] },
  name: string,
): Entry {
  const [entry, ...others] = models.models.filter((candidate) => candidate.name === name);
  if (entry === undefined) {
    const known = models.models.map((candidate) => candidate.name).join(", ") || "none";
    throw new LinescribeError(
      "MODEL_MISSING",
      `No model is called ${JSON.stringify(name)}; there are: ${known}. ` +
        "Others are fetched by `linescribe models pull`, see docs/models.md.",
    );
  }
  if (others.some(({ sha256 }) => sha256 !== entry.sha256)) {
    throw new LinescribeError(
      "MODEL_AMBIGUOUS",
      `Two folders have different files of a model called ${JSON.stringify(name)}; \`linescribe models list\` shows ` +
        "both. Rename one in the manifest.json of your own folder, or take it out there.",
    );
  }
  return entry;
}

/**
 * Reads the whole file of a model and compares its size and sha256 with the manifest.
 *
 * @returns The absolute path of the intact file.
 * @throws {LinescribeError} `MODEL_MISSING` when the file cannot be read, `MODEL_ALTERED` when it is another file.
 */
export async function verifyModel(entry: ModelEntry, directory: string = modelsDirectory()): Promise<string> {
  const file = path.resolve(directory, entry.file);
  let found: { bytes: number; hex: string };
  try {
    found = await digestOf(file, "sha256");
  } catch (cause) {
    throw new LinescribeError(
      "MODEL_MISSING",
      `The file of model ${entry.name} cannot be read at ${file}: ${messageOf(cause)}. ` +
        `Get it again from ${entry.source}.`,
      { cause },
    );
  }
  const { bytes, hex: sha256 } = found;
  if (bytes !== entry.bytes || sha256 !== entry.sha256) {
    throw new LinescribeError(
      "MODEL_ALTERED",
      `The file of model ${entry.name} at ${file} is not the published one: expected ${entry.bytes} bytes with ` +
        `sha256 ${entry.sha256}, got ${bytes} bytes with sha256 ${sha256}. ` +
        `Get it again from ${entry.source}.`,
    );
  }
  return file;
}

/** One model of the manifest and what is wrong with it, or null. */
export interface ModelCheck<Entry extends ModelEntry = ModelEntry> {
  entry: Entry;
  fault: LinescribeError | null;
}

/** Verifies models, one after the other, and reports all faults together. */
export async function checkModels<Entry extends ModelEntry>(
  models: readonly Entry[],
  folderOf: (entry: Entry) => string,
): Promise<ModelCheck<Entry>[]> {
  const checks: ModelCheck<Entry>[] = [];
  for (const entry of models) {
    try {
      await verifyModel(entry, folderOf(entry));
      checks.push({ entry, fault: null });
    } catch (fault) {
      if (!(fault instanceof LinescribeError)) throw fault;
      checks.push({ entry, fault });
    }
  }
  return checks;
}
