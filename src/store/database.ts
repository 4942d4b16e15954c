/**
 * Opens the SQLite file: who may read it, how hard it is written, whether it is whole, and what its errors are called.
 */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import path from "node:path";
import Database from "better-sqlite3";
import { LinescribeError, messageOf } from "../base/error.ts";
import { migrate } from "./schema.ts";

/** Another process (the `outbox` command) may hold the write lock for this long before a write fails. */
const BUSY_TIMEOUT_MS = 5000;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export interface DatabaseOptions {
  path: string;
  /** Refuse to open while another process has the store open with this option. */
  exclusive: boolean;
  /** Size that the file may grow to, or null for no limit of our own. */
  maximumBytes: number | null;
}

export interface OpenedDatabase {
  database: Database.Database;
  /** Closes the file and lets go of the lock. */
  close(): void;
}

/**
 * Runs `work` and gives SQLite's errors our codes; anything else (misuse) passes through as it is.
 *
 * @throws {LinescribeError} STORE_FULL when there is no space, STORE_FAILED otherwise; retryable when the same
 *   call may succeed later. A transaction in `work` was rolled back.
 */
export function guardStore<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asStoreError(what, error);
  }
}

function asStoreError(what: string, error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  const ours = error instanceof Database.SqliteError || error instanceof LinescribeError;
  if (error instanceof LinescribeError || (!ours && typeof code !== "string")) return error;
  if (code === "SQLITE_FULL" || code === "ENOSPC") {
    return new LinescribeError("STORE_FULL", `No space left to ${what}`, { retryable: true, cause: error });
  }
  const retryable =
    typeof code === "string" && (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_IOERR"));
  return new LinescribeError("STORE_FAILED", `Could not ${what}: ${messageOf(error)}`, {
    retryable,
    cause: error,
  });
}

/**
 * Opens or creates the store's file.
 *
 * @throws {LinescribeError} STORE_FAILED when it cannot be opened, is damaged, or is in use.
 */
export function openDatabase(options: DatabaseOptions): OpenedDatabase {
  return guardStore(`open the store ${options.path}`, () => {
    mkdirSync(path.dirname(options.path), { recursive: true, mode: DIRECTORY_MODE });
    const lock = options.exclusive ? takeLock(`${options.path}.lock`) : null;
    try {
      const database = openFile(options);
      return {
        database,
        close() {
          database.close();
          lock?.close();
        },
      };
    } catch (error) {
      lock?.close();
      throw error;
    }
  });
}

function openFile({ path: file, maximumBytes }: DatabaseOptions): Database.Database {
  makePrivate(file);
  const database = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // Before the first table, or it has no effect: pruned pages go back to the file system.
    database.pragma("auto_vacuum = INCREMENTAL");
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma("wal_autocheckpoint = 1000");
    const health = database.pragma("quick_check", { simple: true });
    if (health !== "ok") {
      throw new LinescribeError("STORE_FAILED", `The store ${file} is damaged: ${String(health)}`);
    }
    migrate(database);
    if (maximumBytes !== null) {
      const pageBytes = database.pragma("page_size", { simple: true }) as number;
      database.pragma(`max_page_count = ${Math.floor(maximumBytes / pageBytes)}`);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Creates the file for its owner alone; SQLite gives the `-wal` and `-shm` files the mode of the main file. */
function makePrivate(file: string): void {
  closeSync(openSync(file, "a", FILE_MODE));
  for (const name of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(name)) chmodSync(name, FILE_MODE);
}

/**
 * An exclusive transaction on a file of its own is a lock that the kernel lets go of when the process dies,
 * while other programs can still read and write the store beside it.
 */
function takeLock(file: string): Database.Database {
  makePrivate(file);
  const lock = new Database(file, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    throw new LinescribeError("STORE_FAILED", `Another server has the store open (${file})`, {
      cause: error,
    });
  }
}
