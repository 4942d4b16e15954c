/**
 * The folders that models are looked for in: the user's own, where pulled models go, and the package's.
 */
import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import {
  checkModels,
  MANIFEST_FILE,
  type ModelCheck,
  type ModelEntry,
  modelsDirectory,
  readManifest,
} from "./manifest.ts";

/** A model and the folder that its file lies in. */
export interface PlacedModel extends ModelEntry {
  /** Absolute. */
  readonly folder: string;
}

export interface PlacedModels {
  /** The user's own first; one that both folders have, byte for byte, is there once. */
  readonly models: readonly PlacedModel[];
}

/**
 * Reads the manifests of both folders. Blocks; meant for start-up. An own folder that does not exist, or into which nothing
 * was pulled yet, holds no models.
 *
 * @param own - The user's folder, or null for the package's alone.
 * @throws {LinescribeError} `MODEL_MISSING` or `MODEL_ALTERED`, as of a single manifest.
 */
export function readModels(own: string | null): PlacedModels {
  const packaged = placed(modelsDirectory());
  if (own === null || !existsSync(path.join(own, MANIFEST_FILE)) || isSame(own, modelsDirectory()))
    return { models: packaged };
  const models = placed(path.resolve(own));
  const isKnown = ({ name, sha256 }: PlacedModel) =>
    models.some((model) => model.name === name && model.sha256 === sha256);
  return { models: [...models, ...packaged.filter((model) => !isKnown(model))] };
}

function placed(folder: string): PlacedModel[] {
  return readManifest(folder).models.map((entry) => ({ ...entry, folder }));
}

function isSame(one: string, other: string): boolean {
  return realpathSync(one) === realpathSync(other);
}

/** Absolute path of a model's file. */
export function pathOf({ folder, file }: PlacedModel): string {
  return path.join(folder, file);
}

/** Verifies every model of both folders, one after the other, and reports all faults together. */
export function checkFolders(own: string | null): Promise<ModelCheck<PlacedModel>[]> {
  return checkModels(readModels(own).models, ({ folder }) => folder);
}

/** Names that stand for different files in the two folders. */
export function ambiguousNames({ models }: PlacedModels): string[] {
  const names = models.map(({ name }) => name);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
