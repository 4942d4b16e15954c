/**
 * Which version of ONNX Runtime a library was built as.
 *
 * The runtime defines its symbols as `VERS_1.30.0`. A provider library defines `VERS_1.0` in every release, but holds the
 * version as a string of its own among its constants: the only one of the form 1.2.3 in those of 1.29.0 and 1.30.0. ONNX
 * Runtime loads a provider of another version without a word, and both call each other through tables of functions whose
 * order changes: so we look.
 */
import { open } from "node:fs/promises";
import type { SharedLibrary } from "./elf.ts";

/** Constants of provider 1.30.0 have 26 MB. */
const MAXIMUM_SCAN_BYTES = 128 << 20;
const CHUNK_BYTES = 1 << 20;
/** Bytes of the longest version that is looked for, with the zeros around it. */
const OVERLAP_BYTES = 16;
/** More means that it is not what we think it is. */
const MAXIMUM_FOUND = 16;

/** @returns Null when the library is not ONNX Runtime. */
export function runtimeVersion({ versions }: SharedLibrary): string | null {
  for (const name of versions) {
    const version = /^VERS_(\d+\.\d+\.\d+)$/.exec(name)?.[1];
    if (version) return version;
  }
  return null;
}

/** Strings of the form 1.2.3 among the constants of a library, each once. */
export async function versionStrings(path: string, { sections }: SharedLibrary): Promise<string[]> {
  const constants = sections.get(".rodata");
  if (!constants) return [];
  const found = new Set<string>();
  const file = await open(path, "r");
  try {
    const end = constants.offset + Math.min(constants.size, MAXIMUM_SCAN_BYTES);
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (let at = constants.offset; at < end; at += CHUNK_BYTES - OVERLAP_BYTES) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK_BYTES, end - at), at);
      const text = buffer.toString("latin1", 0, bytesRead);
      for (const [, version] of text.matchAll(/\0(\d{1,2}\.\d{1,3}\.\d{1,3})(?=\0)/g))
        found.add(version as string);
      if (found.size > MAXIMUM_FOUND || bytesRead < CHUNK_BYTES) break;
    }
  } finally {
    await file.close();
  }
  return [...found];
}
