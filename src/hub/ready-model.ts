/**
 * Repositories with models that are ready to run: a `manifest.json` of ours, graphs and tokenizers.
 */
import { LinescribeError } from "../base/error.ts";
import {
  MANIFEST_FILE,
  MANIFEST_MAXIMUM_BYTES,
  type Manifest,
  type ModelEntry,
  parseManifest,
} from "../models/manifest.ts";
import { pulledFrom } from "../models/merge.ts";
import type { HubClient } from "./client.ts";
import type { HubFile, Listing } from "./listing.ts";
import { readSmallFile } from "./small-file.ts";

/** A recognition model with its tokenizer. */
export interface ReadyModel {
  readonly name: string;
  readonly entries: readonly ModelEntry[];
  readonly files: readonly HubFile[];
}

/** What the files of a model may be called, so that none takes the place of something else in the folder. */
const ENDINGS: Readonly<Record<ModelEntry["purpose"], string>> = {
  asr: ".onnx",
  tokenizer: ".tokenizer.json",
  vad: ".onnx",
};

/** The manifest of a repository, or null where it has none. A `manifest.json` of something else is no fault here. */
export async function readHubManifest(
  client: HubClient,
  listing: Listing,
  signal: AbortSignal,
): Promise<Manifest | null> {
  const file = listing.files.get(MANIFEST_FILE);
  if (file === undefined || file.bytes > MANIFEST_MAXIMUM_BYTES) return null;
  const text = await readSmallFile(client, listing, file, MANIFEST_MAXIMUM_BYTES, signal);
  try {
    return parseManifest(text, `of ${listing.repository}`);
  } catch (error) {
    // Beside weights it may belong to anything; alone it is all there is, and its fault should be known.
    if (listing.files.has("config.json")) return null;
    throw error;
  }
}

/**
 * The model `wanted` of a manifest, or its only one, with the files to fetch.
 *
 * @throws {LinescribeError} HUB_NO_MODEL when there is none, or none was chosen of several; HUB_BAD_FILE_NAME,
 *   HUB_WRONG_LENGTH or HUB_WRONG_HASH when manifest and list contradict each other.
 */
export function chooseModel(manifest: Manifest, listing: Listing, wanted: string | null): ReadyModel {
  const { repository, commit } = listing;
  const models = manifest.models.filter(({ purpose }) => purpose === "asr");
  const names = models.map(({ name }) => name).join(", ") || "none";
  const chosen = wanted === null ? models : models.filter(({ name }) => name === wanted);
  const [model] = chosen;
  if (model === undefined)
    throw noModel(`${repository} has no model${wanted ? ` called ${wanted}` : ""}; there are: ${names}`);
  if (chosen.length > 1)
    throw noModel(`${repository} has several models (${names}); name one: ${repository}/${model.name}`);
  const tokenizer = manifest.models.find(
    ({ name, purpose }) => name === `${model.name}.tokenizer` && purpose === "tokenizer",
  );
  if (tokenizer === undefined)
    throw noModel(`${repository} has no ${model.name}.tokenizer, without which ${model.name} cannot be run`);
  const files = [model, tokenizer].map((entry) => fileOf(entry, listing));
  const entries = [model, tokenizer].map((entry) => ({
    ...entry,
    source: pulledFrom(repository, commit, entry.source),
  }));
  return { name: model.name, entries, files };
}

function fileOf({ name, file, bytes, sha256, purpose }: ModelEntry, { repository, files }: Listing): HubFile {
  if (!file.endsWith(ENDINGS[purpose])) {
    const message = `The manifest of ${repository} calls the file of ${name} ${file}; expected a name that ends in ${ENDINGS[purpose]}`;
    throw new LinescribeError("HUB_BAD_FILE_NAME", message);
  }
  const listed = files.get(file);
  if (listed === undefined) throw noModel(`${repository} has no file ${file}, which its manifest names`);
  if (listed.bytes !== bytes) {
    const message = `The manifest of ${repository} has ${bytes} bytes of ${file}, the hub lists ${listed.bytes}; its publisher has to correct that`;
    throw new LinescribeError("HUB_WRONG_LENGTH", message);
  }
  if (listed.digest.kind === "sha256" && listed.digest.hex !== sha256) {
    const message = `The manifest of ${repository} has another sha256 of ${file} than the hub lists; its publisher has to correct that`;
    throw new LinescribeError("HUB_WRONG_HASH", message);
  }
  return { name: file, bytes, digest: { kind: "sha256", hex: sha256 } };
}

export function noModel(message: string): LinescribeError {
  return new LinescribeError("HUB_NO_MODEL", message);
}
