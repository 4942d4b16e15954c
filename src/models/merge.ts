/**
 * Adds models to the manifest of the user's own folder.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { LinescribeError } from "../base/error.ts";
import {
  MANIFEST_FILE,
  type Manifest,
  type ModelEntry,
  modelsDirectory,
  parseManifest,
  readManifest,
} from "./manifest.ts";
import { replaceFile } from "./write.ts";

/** How `pulledFrom` begins. */
const PULLED = /^(\S+) at [0-9a-f]+ on a hub; /;

/** What a manifest says of where a pulled file comes from. @param origin - What the repository's own manifest says. */
export function pulledFrom(repository: string, commit: string, origin: string): string {
  return `${repository} at ${commit} on a hub; ${origin}`.slice(0, 500);
}

/** @throws {LinescribeError} MODEL_NOT_WRITTEN for the package's own folder, before anything is put there. */
export function expectOwnFolder(folder: string): void {
  if (path.resolve(folder) !== modelsDirectory()) return;
  throw new LinescribeError(
    "MODEL_NOT_WRITTEN",
    "Expected a folder of your own; what lies in the package's folder would be lost with the next version. " +
      "Name another folder with --into, or set models (LINESCRIBE_MODELS).",
  );
}

/** The manifest of a folder; empty where there is none yet. @throws {LinescribeError} MODEL_ALTERED */
export function readOwnManifest(folder: string): Manifest {
  return existsSync(path.join(folder, MANIFEST_FILE)) ? readManifest(folder) : { models: [] };
}

/**
 * The manifest with `added` in it, in the place of entries of the same names.
 *
 * @throws {LinescribeError} MODEL_AMBIGUOUS when the package has another model of such a name, the folder one from
 *   elsewhere, or another model here has such a file; MODEL_ALTERED when there would be more models than a manifest holds.
 */
export function withModels(
  own: Manifest,
  added: readonly ModelEntry[],
  packaged: Manifest = readManifest(),
): Manifest {
  for (const { name, sha256 } of added) {
    const namesake = packaged.models.find((entry) => entry.name === name);
    if (namesake === undefined || namesake.sha256 === sha256) continue;
    const message = `The package has another model called ${name}; publish this one under a name of its own`;
    throw new LinescribeError("MODEL_AMBIGUOUS", message);
  }
  for (const { name, sha256, source } of added) {
    const older = own.models.find((entry) => entry.name === name);
    if (older === undefined || older.sha256 === sha256 || originOf(older.source) === originOf(source))
      continue;
    const message =
      `The folder has another model called ${name}, from ${older.source}; take it out of the manifest.json there, or ` +
      "name another folder with --into";
    throw new LinescribeError("MODEL_AMBIGUOUS", message);
  }
  const names = new Set(added.map(({ name }) => name));
  const kept = own.models.filter(({ name }) => !names.has(name));
  const models = [...kept, ...added];
  for (const [index, { name, file }] of models.entries()) {
    const other = models.slice(0, index).find((entry) => entry.file.toLowerCase() === file.toLowerCase());
    if (other === undefined) continue;
    const message = `${file} would be the file of both ${other.name} and ${name}; take one out of the manifest.json of the folder`;
    throw new LinescribeError("MODEL_AMBIGUOUS", message);
  }
  return parseManifest(JSON.stringify({ models }), "with the models added");
}

/** A newer commit of a repository is no other place. */
function originOf(source: string): string {
  return PULLED.exec(source)?.[1] ?? source;
}

/**
 * Writes the manifest of a folder, as a whole.
 *
 * @throws {LinescribeError} MODEL_NOT_WRITTEN, also for the package's own folder, whose manifest is its maker's.
 */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  expectOwnFolder(folder);
  await replaceFile(path.join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
}
