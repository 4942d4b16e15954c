/**
 * Writing into a folder of models: files appear whole or not at all, and a full disk is told as one.
 */
import { open, rename } from "node:fs/promises";
import path from "node:path";
import { LinescribeError, messageOf } from "../base/error.ts";

const FULL = ["ENOSPC", "EDQUOT", "EFBIG"];

/** MODEL_NOT_WRITTEN with what to do about it. */
export function notWritten(file: string, cause: unknown): LinescribeError {
  const code = (cause as { code?: unknown } | null)?.code;
  const isFull = typeof code === "string" && FULL.includes(code);
  const fix = isFull
    ? "Make room on the disk and pull again: it goes on where it stopped."
    : "Make the folder writable for this user, or name another with --into.";
  return new LinescribeError("MODEL_NOT_WRITTEN", `${file} cannot be written: ${messageOf(cause)}. ${fix}`, {
    cause,
  });
}

/** A rename lasts once its folder is on the disk; where folders cannot be synchronised (Windows), the system cares. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** Replaces a small file as a whole. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  try {
    const handle = await open(temporary, "w", 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(path.dirname(file));
  } catch (error) {
    throw notWritten(file, error);
  }
}
