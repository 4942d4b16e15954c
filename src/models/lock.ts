/**
 * The lock of a models folder: one process at a time changes what lies there.
 *
 * A file with who holds it, whose time is renewed while it is held. A lock is left behind by a process that was killed; it is
 * taken over when its process is gone from this machine, or when it was not renewed for a minute.
 */
import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { LinescribeError } from "../base/error.ts";
import { notWritten } from "./write.ts";

const LOCK_FILE = ".pull.lock";
const RENEW_MS = 10_000;
const STALE_MS = 60_000;
/** Takeovers that another process won; more than a few in a row do not happen by chance. */
const TRIES_MAXIMUM = 5;

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * @param folder - Exists.
 * @throws {LinescribeError} MODEL_LOCKED when another process has it, MODEL_NOT_WRITTEN.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const file = path.join(folder, LOCK_FILE);
  const mine = JSON.stringify({ pid: process.pid, host: os.hostname(), id: randomUUID() });
  for (let tries = 0; tries < TRIES_MAXIMUM; tries += 1) {
    if (await create(file, mine)) return hold(file, mine);
    await removeStale(file);
  }
  throw locked(file, "another process");
}

async function create(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw notWritten(file, error);
  }
}

function hold(file: string, mine: string): FolderLock {
  const timer = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, RENEW_MS);
  timer.unref();
  return {
    release: async () => {
      clearInterval(timer);
      if ((await readFile(file, "utf8").catch(() => null)) === mine) await rm(file, { force: true });
    },
  };
}

/** Moves a stale lock away; of two processes that find it, only one can move the very file that both judged. */
async function removeStale(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => null);
  const age = await stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => null,
  );
  if (text === null || age === null) return; // released meanwhile
  const holder = holderOf(text);
  const gone = holder !== null && holder.host === os.hostname() && !isAlive(holder.pid);
  if (!gone && age < STALE_MS)
    throw locked(file, holder === null ? "another process" : `process ${holder.pid} on ${holder.host}`);
  const aside = `${file}.${randomUUID()}`;
  const moved = await rename(file, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  const taken = await readFile(aside, "utf8").catch(() => null);
  // Another process was quicker and this is its new lock: back with it.
  if (taken !== text) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}

function holderOf(text: string): { pid: number; host: string } | null {
  try {
    const { pid, host } = JSON.parse(text) as { pid?: unknown; host?: unknown };
    const sound =
      Number.isSafeInteger(pid) &&
      (pid as number) > 0 &&
      typeof host === "string" &&
      /^[\w.-]{1,255}$/.test(host);
    return sound ? { pid: pid as number, host } : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function locked(file: string, who: string): LinescribeError {
  const message = `${who} is pulling into this folder; wait for it, or remove ${file} when there is none`;
  return new LinescribeError("MODEL_LOCKED", message, { retryable: true });
}
