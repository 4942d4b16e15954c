/**
 * The configured store, for commands that need nothing else of the configuration to be right.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { loadSection } from "../app/config.ts";
import { LinescribeError } from "../base/error.ts";
import { openStore, type Store } from "../store/store.ts";

export interface StoreFileOptions {
  config?: string;
}

/**
 * Opens the store beside a server that may be running, and closes it after `work`.
 *
 * @param create - Make a store where there is none.
 * @throws {LinescribeError} STORE_FAILED when there is none and none is to be made.
 */
export function withStore<T>(
  { config }: StoreFileOptions,
  work: (store: Store) => T,
  { create = false } = {},
): T {
  const file = path.resolve(loadSection("store", { file: config }).path);
  if (!create && !existsSync(file)) {
    throw new LinescribeError("STORE_FAILED", `There is no store at ${file}; see store.path`);
  }
  const store = openStore({ path: file });
  try {
    return work(store);
  } finally {
    store.close();
  }
}
