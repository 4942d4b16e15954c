/**
 * Writes small shared libraries that have what is looked for in real ones, and nothing else.
 */

export interface ElfParts {
  needed?: readonly string[];
  runPath?: string;
  /** The first is the base definition, as in real ones. */
  versions?: readonly string[];
  constants?: string;
  kernels?: Buffer;
}

const HEADER_BYTES = 64;

interface Part {
  name: string;
  type: number;
  /** Name of the section with its strings. */
  link?: string;
  bytes: Buffer;
}

function strings(texts: readonly string[]): { bytes: Buffer; at: (text: string) => number } {
  const joined = `\0${texts.map((text) => `${text}\0`).join("")}`;
  return { bytes: Buffer.from(joined, "latin1"), at: (text) => joined.indexOf(`\0${text}\0`) + 1 };
}

function dynamic(entries: readonly [tag: number, value: number][]): Buffer {
  const bytes = Buffer.alloc(16 * (entries.length + 1));
  for (const [index, [tag, value]] of entries.entries()) {
    bytes.writeBigUInt64LE(BigInt(tag), index * 16);
    bytes.writeBigUInt64LE(BigInt(value), index * 16 + 8);
  }
  return bytes;
}

/** Each with one name of 8 bytes behind its 20. */
function verdef(names: readonly number[]): Buffer {
  const bytes = Buffer.alloc(28 * names.length);
  for (const [index, name] of names.entries()) {
    bytes.writeUInt32LE(20, index * 28 + 12);
    bytes.writeUInt32LE(index + 1 < names.length ? 28 : 0, index * 28 + 16);
    bytes.writeUInt32LE(name, index * 28 + 20);
  }
  return bytes;
}

export function elfFile({ needed = [], runPath, versions = [], constants = "", kernels }: ElfParts): Buffer {
  const names = strings([...needed, ...versions, ...(runPath ? [runPath] : [])]);
  const entries: [number, number][] = needed.map((name) => [1, names.at(name)]);
  if (runPath) entries.push([29, names.at(runPath)]);
  const parts: Part[] = [
    { name: ".dynstr", type: 3, bytes: names.bytes },
    { name: ".dynamic", type: 6, link: ".dynstr", bytes: dynamic(entries) },
    ...(versions.length > 0
      ? [{ name: ".gnu.version_d", type: 0x6ffffffd, link: ".dynstr", bytes: verdef(versions.map(names.at)) }]
      : []),
    { name: ".rodata", type: 1, bytes: Buffer.from(constants, "latin1") },
    ...(kernels ? [{ name: ".nv_fatbin", type: 1, bytes: kernels }] : []),
  ];
  const titles = strings([...parts.map(({ name }) => name), ".shstrtab"]);
  return assemble([...parts, { name: ".shstrtab", type: 3, bytes: titles.bytes }], titles.at);
}

function assemble(parts: readonly Part[], titleAt: (name: string) => number): Buffer {
  const table = Buffer.alloc(64 * (parts.length + 1));
  let offset = HEADER_BYTES;
  for (const [index, { name, type, link, bytes }] of parts.entries()) {
    const at = 64 * (index + 1);
    table.writeUInt32LE(titleAt(name), at);
    table.writeUInt32LE(type, at + 4);
    table.writeBigUInt64LE(BigInt(offset), at + 24);
    table.writeBigUInt64LE(BigInt(bytes.length), at + 32);
    table.writeUInt32LE(link ? parts.findIndex((part) => part.name === link) + 1 : 0, at + 40);
    offset += bytes.length;
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeBigUInt64LE(BigInt(offset), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(parts.length + 1, 60);
  header.writeUInt16LE(parts.length, 62);
  return Buffer.concat([header, ...parts.map(({ bytes }) => bytes), table]);
}

/** One container with an image of `payload` bytes for each architecture; kind 2 is machine code, 1 is not. */
export function container(
  images: readonly { kind: 1 | 2; architecture: number; payload?: number }[],
): Buffer {
  const bodies = images.map(({ kind, architecture, payload = 24 }) => {
    const image = Buffer.alloc(64 + payload, 0xcc);
    image.writeUInt16LE(kind, 0);
    image.writeUInt16LE(0x101, 2);
    image.writeUInt32LE(64, 4);
    image.writeBigUInt64LE(BigInt(payload), 8);
    image.writeUInt32LE(architecture, 28);
    return image;
  });
  const body = Buffer.concat(bodies);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0xba55ed50, 0);
  header.writeUInt16LE(1, 4);
  header.writeUInt16LE(16, 6);
  header.writeBigUInt64LE(BigInt(body.length), 8);
  return Buffer.concat([header, body]);
}
