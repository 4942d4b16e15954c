/**
 * Where the loader finds the libraries that another one needs, and which it does not find.
 */
import { access } from "node:fs/promises";
import path from "node:path";
import { readSharedLibrary } from "./elf.ts";

export interface SearchPath {
  /** `LD_LIBRARY_PATH` as it was when the program started: the loader looks at it no second time. */
  readonly libraryPath: string;
  /** Output of `ldconfig -p`; empty where there is no such program. */
  readonly cache: string;
}

export interface FoundLibraries {
  /** Name -> absolute path, of everything that is needed, directly or not, and is there. */
  readonly found: ReadonlyMap<string, string>;
  /** Names that are nowhere, or not readable. */
  readonly missing: readonly string[];
}

/** Searched last, by every loader of a 64-bit Linux. */
const SYSTEM_FOLDERS = [
  "/lib64",
  "/usr/lib64",
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib",
  "/usr/lib",
];
/** What the C library brings is there, for Node runs. */
const OF_THE_SYSTEM = /^(ld-linux|lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+)\.so)/;
/** The provider and what it needs are 6. */
const MAXIMUM_LIBRARIES = 64;

/** @param file - Absolute path of the library that is to be loaded. */
export async function findNeeded(file: string, search: SearchPath): Promise<FoundLibraries> {
  const cached = parseCache(search.cache);
  const found = new Map<string, string>();
  const missing: string[] = [];
  const open = [file];
  for (let next = open.shift(); next !== undefined && found.size < MAXIMUM_LIBRARIES; next = open.shift()) {
    const library = await readSharedLibrary(next).catch(() => null);
    if (library === null) {
      missing.push(path.basename(next));
      found.delete(path.basename(next));
      continue;
    }
    const { needed, searchFolders } = library;
    const folder = path.dirname(next);
    const own = searchFolders.map((entry) => entry.replace(/\$\{?ORIGIN\}?/, folder));
    const folders = [...own, ...search.libraryPath.split(":"), ...SYSTEM_FOLDERS];
    for (const name of needed) {
      if (OF_THE_SYSTEM.test(name) || found.has(name) || missing.includes(name)) continue;
      const at = await findIn(name, folders, cached.get(name));
      if (at === null) missing.push(name);
      else {
        found.set(name, at);
        open.push(at);
      }
    }
  }
  return { found, missing };
}

async function findIn(
  name: string,
  folders: readonly string[],
  cached: string | undefined,
): Promise<string | null> {
  const files = folders.filter((folder) => path.isAbsolute(folder)).map((folder) => path.join(folder, name));
  for (const file of cached ? [...files, cached] : files) {
    if (await exists(file)) return file;
  }
  return null;
}

/** `	libcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1`; the first of a name counts, as for the loader. */
export function parseCache(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name, file] of text.matchAll(/^\s*(\S+) \([^)]*x86-64[^)]*\) => (\/.+)$/gm))
    if (!found.has(name as string)) found.set(name as string, file as string);
  return found;
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
