/**
 * What a shared library says about itself: the libraries it needs, the versions it defines, where its sections lie.
 *
 * Reads ELF64, little-endian, by the headers alone: a library of 260 MB costs a few small reads. Every size is bounded,
 * because the file may be anything.
 *
 * @see System V ABI, chapters 4 and 5; `.gnu.version_d` as in the LSB, "Symbol Versioning"
 */
import { type FileHandle, open } from "node:fs/promises";

/** A section of a file: its bytes begin at `offset` and are `size` long. */
export interface Section {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface SharedLibrary {
  /** `DT_NEEDED`: what the loader looks for, in its order. */
  readonly needed: readonly string[];
  /** `DT_RPATH` and `DT_RUNPATH`: folders that are searched for them, `$ORIGIN` is the library's own. */
  readonly searchFolders: readonly string[];
  /** Versions of its symbols, for example `VERS_1.30.0`; the first is the library's own name. */
  readonly versions: readonly string[];
  readonly sections: ReadonlyMap<string, Section>;
}

const HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
/** Libraries of the CUDA toolkit have some 40. */
const MAXIMUM_SECTIONS = 1000;
/** Of a table of strings, of dynamic entries or of versions; those of onnxruntime stay below 16 kB. */
const MAXIMUM_TABLE_BYTES = 4 << 20;
const MAXIMUM_NAMES = 256;

const SHT_DYNAMIC = 6;
const SHT_NOBITS = 8;
const SHT_GNU_VERDEF = 0x6ffffffd;
const DT_NEEDED = 1;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

interface SectionHeader extends Section {
  readonly type: number;
  /** Index of the section that this one refers to: its table of strings. */
  readonly link: number;
}

/** @throws {Error} saying what is wrong, when the file cannot be read or is no such library. */
export async function readSharedLibrary(path: string): Promise<SharedLibrary> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const headers = await readSectionHeaders(file, size);
    const table = (section: SectionHeader) => readTable(file, section);
    const stringsOf = ({ link }: SectionHeader) => {
      const strings = headers[link];
      if (!strings) throw new Error("a section refers to a table that is not there");
      return table(strings);
    };
    const dynamic = headers.find(({ type }) => type === SHT_DYNAMIC);
    if (!dynamic) throw new Error("it is not a shared library");
    const entries = dynamicStrings(await table(dynamic), await stringsOf(dynamic));
    const verdef = headers.find(({ type }) => type === SHT_GNU_VERDEF);
    return {
      needed: entries.filter(({ tag }) => tag === DT_NEEDED).map(({ text }) => text),
      searchFolders: entries
        .filter(({ tag }) => tag !== DT_NEEDED)
        .flatMap(({ text }) => text.split(":").filter(Boolean)),
      versions: verdef ? definedVersions(await table(verdef), await stringsOf(verdef)) : [],
      sections: new Map(headers.map(({ name, offset, size }) => [name, { name, offset, size }])),
    };
  } finally {
    await file.close();
  }
}

/** `length` bytes at `position`. @throws {Error} when the file ends before. */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  if (!Number.isSafeInteger(position)) throw new Error("it is cut short");
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead < length) throw new Error("it is cut short");
  return bytes;
}

async function readSectionHeaders(file: FileHandle, fileBytes: number): Promise<SectionHeader[]> {
  const header = await readExactly(file, 0, HEADER_BYTES);
  // 0x7f "ELF", 64 bits, little-endian.
  if (header.readUInt32BE(0) !== 0x7f454c46) throw new Error("it is not an ELF file");
  if (header[4] !== 2 || header[5] !== 1) throw new Error("it is not for 64-bit little-endian processors");
  const [entryBytes, count, namesIndex] = [58, 60, 62].map((at) => header.readUInt16LE(at)) as [
    number,
    number,
    number,
  ];
  if (entryBytes !== SECTION_HEADER_BYTES || count === 0 || count > MAXIMUM_SECTIONS)
    throw new Error(`it has ${count} sections of ${entryBytes} bytes`);
  const start = Number(header.readBigUInt64LE(40));
  const table = await readExactly(file, start, count * entryBytes);
  const raw = Array.from({ length: count }, (_, index) => {
    const at = index * entryBytes;
    return {
      nameAt: table.readUInt32LE(at),
      type: table.readUInt32LE(at + 4),
      offset: Number(table.readBigUInt64LE(at + 24)),
      size: Number(table.readBigUInt64LE(at + 32)),
      link: table.readUInt32LE(at + 40),
    };
  });
  const beyond = raw.some(({ type, offset, size }) => type !== SHT_NOBITS && offset + size > fileBytes);
  if (beyond) throw new Error("it is cut short");
  const namesHeader = raw[namesIndex];
  if (!namesHeader) throw new Error("its sections have no names");
  const names = await readTable(file, { ...namesHeader, name: ".shstrtab" });
  return raw.map(({ nameAt, ...rest }) => ({ ...rest, name: stringAt(names, nameAt) }));
}

function readTable(file: FileHandle, { name, offset, size }: Section): Promise<Buffer> {
  if (size > MAXIMUM_TABLE_BYTES) throw new Error(`its section ${name} has ${size} bytes`);
  return readExactly(file, offset, size);
}

/** Strings of the entries that we know, 16 bytes each: a tag and where its string begins. */
function dynamicStrings(dynamic: Buffer, strings: Buffer): { tag: number; text: string }[] {
  const found: { tag: number; text: string }[] = [];
  for (let at = 0; at + 16 <= dynamic.length && found.length < MAXIMUM_NAMES; at += 16) {
    const tag = Number(dynamic.readBigUInt64LE(at));
    if (tag === 0) break;
    if (tag === DT_NEEDED || tag === DT_RPATH || tag === DT_RUNPATH)
      found.push({ tag, text: stringAt(strings, Number(dynamic.readBigUInt64LE(at + 8))) });
  }
  return found;
}

/** Each definition is 20 bytes, with its first name at `vd_aux`; `vd_next` leads to the following one. */
function definedVersions(table: Buffer, strings: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + 20 <= table.length && names.length < MAXIMUM_NAMES; ) {
    const name = at + table.readUInt32LE(at + 12);
    if (name + 4 > table.length) throw new Error("its versions are cut short");
    names.push(stringAt(strings, table.readUInt32LE(name)));
    const next = table.readUInt32LE(at + 16);
    if (next === 0) break;
    at += next;
  }
  return names;
}

function stringAt(strings: Buffer, start: number): string {
  const end = strings.indexOf(0, start);
  if (start >= strings.length || end < 0) throw new Error("a name lies outside its table");
  return strings.toString("latin1", start, end);
}
