/**
 * Repositories with the original weights of a Whisper, of which the exporter makes a model.
 */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { LinescribeError, messageOf } from "../base/error.ts";
import { notWritten } from "../models/write.ts";
import type { HubClient } from "./client.ts";
import type { HubFile, Listing } from "./listing.ts";
import { noModel } from "./ready-model.ts";
import { readSmallFile } from "./small-file.ts";

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
const INDEX = "model.safetensors.index.json";
/** What the exporter reads beside the weights (models/export/checkpoint.py), and the runtime's tokenizer. */
const BESIDE = [CONFIG, "generation_config.json", "tokenizer.json"];
/** In one file, a shard, or the index of shards, of whatever revision. */
const ANY_WEIGHTS = /^model.*\.safetensors(?:\.index\.json)?$/;
const JSON_MAXIMUM_BYTES = 4 * 1024 * 1024;
const SHARDS_MAXIMUM = 100;

const config = z.object({ model_type: z.literal("whisper") });
const index = z.object({
  weight_map: z.record(z.string(), z.string().regex(/^model-\d{5}-of-\d{5}\.safetensors$/)),
});

export function hasWeights({ files }: Listing): boolean {
  return files.has(CONFIG) && (files.has(WEIGHTS) || files.has(INDEX));
}

/**
 * The files of a checkpoint, small ones first. Where the weights are there both as one file and in shards, the one file.
 *
 * @throws {LinescribeError} HUB_NO_MODEL when it is no Whisper, or files are missing; what `readSmallFile` throws.
 */
export async function weightFiles(
  client: HubClient,
  listing: Listing,
  signal: AbortSignal,
): Promise<HubFile[]> {
  const { repository, files } = listing;
  const read = async <T>(name: string, shape: z.ZodType<T>): Promise<T> => {
    const text = await readSmallFile(client, listing, fileOf(listing, name), JSON_MAXIMUM_BYTES, signal);
    try {
      return shape.parse(JSON.parse(text));
    } catch (error) {
      const fault = error instanceof z.ZodError ? z.prettifyError(error).slice(0, 300) : messageOf(error);
      throw noModel(`${name} of ${repository} is not that of a Whisper: ${fault}`);
    }
  };
  await read(CONFIG, config);
  if (files.has(WEIGHTS)) return [...BESIDE, WEIGHTS].map((name) => fileOf(listing, name));
  const shards = [...new Set(Object.values((await read(INDEX, index)).weight_map))].sort();
  if (shards.length === 0 || shards.length > SHARDS_MAXIMUM)
    throw noModel(`${INDEX} of ${repository} names ${shards.length} files`);
  return [...BESIDE, INDEX, ...shards].map((name) => fileOf(listing, name));
}

/** The folder of a repository's weights within that of models: owners are told apart, for forks keep the name. */
export function weightsFolder(models: string, repository: string): string {
  return path.join(models, "weights", repository.replace("/", "--"));
}

/**
 * Removes weights of another revision: beside one file, older shards and their index would be what is exported.
 *
 * @param files - What belongs there, all of it in place.
 * @throws {LinescribeError} MODEL_NOT_WRITTEN
 */
export async function removeOtherWeights(folder: string, files: readonly HubFile[]): Promise<void> {
  const own = new Set(files.map(({ name }) => name));
  try {
    for (const name of await readdir(folder))
      if (ANY_WEIGHTS.test(name) && !own.has(name)) await rm(path.join(folder, name));
  } catch (error) {
    throw notWritten(folder, error);
  }
}

function fileOf({ repository, files }: Listing, name: string): HubFile {
  const file = files.get(name);
  if (file === undefined)
    throw noModel(`${repository} has no ${name}, or the hub tells neither its size nor its hash`);
  if (file.bytes > 0) return file;
  throw new LinescribeError("HUB_WRONG_LENGTH", `${name} of ${repository} is empty`);
}
