/**
 * Pulls a model from a hub into a folder: a ready one that can be run at once, or weights for the exporter.
 */
import { mkdir, statfs } from "node:fs/promises";
import path from "node:path";
import { LinescribeError } from "../base/error.ts";
import { digestOf } from "../models/digest.ts";
import { lockFolder } from "../models/lock.ts";
import type { ModelEntry } from "../models/manifest.ts";
import { expectOwnFolder, readOwnManifest, withModels, writeManifest } from "../models/merge.ts";
import { notWritten } from "../models/write.ts";
import { pageAddress } from "./address.ts";
import type { HubClient } from "./client.ts";
import { download } from "./download.ts";
import { fetchListing, type HubFile, type Listing } from "./listing.ts";
import type { HubName } from "./name.ts";
import { bytesInPart, Part } from "./part.ts";
import { chooseModel, noModel, readHubManifest } from "./ready-model.ts";
import { hasWeights, removeOtherWeights, weightFiles, weightsFolder } from "./weights.ts";

/** What a person is told meanwhile. */
export interface PullReport {
  /** `onDisk`: bytes that are there from a run before. */
  began(file: HubFile, onDisk: number): void;
  came(file: HubFile, bytes: number): void;
  ended(file: HubFile, how: "pulled" | "intact"): void;
  retried(file: HubFile, fault: LinescribeError, waitMs: number): void;
}

export interface PullOptions {
  client: HubClient;
  name: HubName;
  revision: string;
  /** The user's own folder of models; made where it is missing. */
  folder: string;
  report: PullReport;
  signal: AbortSignal;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Pulled {
  /** `model`: in the manifest of the folder now. `weights`: for the exporter. */
  readonly kind: "model" | "weights";
  /** What `asr.model` takes, or the repository's own name. */
  readonly name: string;
  readonly commit: string;
  /** Absolute; where the files are. */
  readonly folder: string;
  readonly files: readonly HubFile[];
  readonly licence: string | null;
  /** The repository's page. */
  readonly source: string;
}

/** What is to be done, known before anything is written. */
interface Plan {
  pulled: Pulled;
  entries: readonly ModelEntry[];
}

/**
 * Pulls what `name` stands for. Files take their places when all of them are there and verified; what is there already is
 * verified and left alone.
 *
 * @throws {LinescribeError} HUB_NO_MODEL, MODEL_LOCKED, MODEL_AMBIGUOUS, MODEL_NOT_WRITTEN, and what `fetchListing` and
 *   `download` throw. Another run goes on where this one stopped.
 */
export async function pull(options: PullOptions): Promise<Pulled> {
  const folder = path.resolve(options.folder);
  expectOwnFolder(folder);
  const listing = await fetchListing(
    options.client,
    options.name.repository,
    options.revision,
    options.signal,
  );
  const plan = await planOf(options, listing, folder);
  const { pulled, entries } = plan;
  await mkdir(pulled.folder, { recursive: true }).catch((error) => {
    throw notWritten(pulled.folder, error);
  });
  const lock = await lockFolder(folder);
  try {
    const manifest = entries.length > 0 ? withModels(readOwnManifest(folder), entries) : null;
    await fetchFiles(pulled, listing, options);
    if (manifest !== null) await writeManifest(folder, manifest);
    if (pulled.kind === "weights") await removeOtherWeights(pulled.folder, pulled.files);
    return pulled;
  } finally {
    await lock.release();
  }
}

async function planOf(
  { client, name, signal }: PullOptions,
  listing: Listing,
  folder: string,
): Promise<Plan> {
  const { repository, commit, licence } = listing;
  const common = { commit, licence, source: pageAddress(client.hub, repository) };
  const manifest = await readHubManifest(client, listing, signal);
  if (manifest !== null) {
    const { entries, ...model } = chooseModel(manifest, listing, name.model);
    return { pulled: { kind: "model", ...model, folder, ...common }, entries };
  }
  if (name.model !== null || !hasWeights(listing)) {
    const message =
      `${repository} holds no model that can be used: expected a manifest.json of Linescribe, or a Whisper with ` +
      "config.json and model.safetensors (other formats of weights are not read)";
    throw noModel(message);
  }
  const files = await weightFiles(client, listing, signal);
  const short = repository.slice(repository.indexOf("/") + 1);
  const place = weightsFolder(folder, repository);
  return { pulled: { kind: "weights", name: short, folder: place, files, ...common }, entries: [] };
}

async function fetchFiles({ folder, files }: Pulled, listing: Listing, options: PullOptions): Promise<void> {
  const missing: HubFile[] = [];
  for (const file of files) {
    if (await isIntact(folder, file)) options.report.ended(file, "intact");
    else missing.push(file);
  }
  await expectRoom(folder, missing);
  const parts: Part[] = [];
  try {
    for (const file of missing) parts.push(await fetchFile(folder, file, listing, options));
    for (const part of parts) await part.place();
  } finally {
    for (const part of parts) await part.close();
  }
}

async function fetchFile(
  folder: string,
  file: HubFile,
  listing: Listing,
  options: PullOptions,
): Promise<Part> {
  const { client, signal, sleep, report } = options;
  const part = await Part.open(folder, file);
  try {
    report.began(file, part.offset);
    await download(part, {
      client,
      listing,
      signal,
      sleep,
      onBytes: () => report.came(file, part.offset),
      onRetry: (fault, waitMs) => report.retried(file, fault, waitMs),
    });
    await part.finish();
    report.ended(file, "pulled");
    return part;
  } catch (error) {
    await part.close();
    throw error;
  }
}

async function isIntact(folder: string, { name, bytes, digest }: HubFile): Promise<boolean> {
  const found = await digestOf(path.join(folder, name), digest.kind).catch(() => null);
  return found !== null && found.bytes === bytes && found.hex === digest.hex;
}

/**
 * Before gigabytes are fetched for nothing; what is told later by the disk itself is told, too.
 *
 * @param files - Those to be fetched. A file in the place of one keeps its room until the new one is there.
 */
async function expectRoom(folder: string, files: readonly HubFile[]): Promise<void> {
  const there = await Promise.all(files.map((file) => bytesInPart(folder, file)));
  const needed = files.reduce((sum, { bytes }, index) => sum + bytes - (there[index] as number), 0);
  const disk = await statfs(folder).catch(() => null);
  if (disk === null || disk.bavail * disk.bsize >= needed) return;
  const message = `${folder} has room for ${disk.bavail * disk.bsize} bytes, ${needed} are needed. Make room, or name another folder with --into.`;
  throw new LinescribeError("MODEL_NOT_WRITTEN", message);
}
