/**
 * For which cards a library has kernels: the architectures of its CUDA binaries, read from the file.
 *
 * `.nv_fatbin` is a row of containers (16 bytes of header: magic, version, header size, payload size), each a row of images
 * (header: kind, version, header size, payload size, ..., architecture at byte 28). Layout as nvcc of CUDA 12 and 13 writes
 * it, found by reading onnxruntime's provider libraries 1.29.0 and 1.30.0; NVIDIA documents none.
 */
import { type FileHandle, open } from "node:fs/promises";
import { readExactly, type Section } from "./elf.ts";

/** `major * 10 + minor` of a compute capability: 90 is 9.0, 120 is 12.0. */
export type Architecture = number;

export interface Kernels {
  /** Machine code: runs on cards of the same major and at least this minor version. */
  readonly binaries: readonly Architecture[];
  /** Intermediate code, compiled by the driver: runs on this architecture and every later one. */
  readonly portable: readonly Architecture[];
}

const MAGIC = 0xba55ed50;
const CONTAINER_HEADER_BYTES = 16;
const IMAGE_HEADER_BYTES = 32;
const KIND_PORTABLE = 1;
const KIND_BINARY = 2;
/** Provider 1.30.0 has 1,920 in 578 containers; the first three hold every architecture that the others do. */
const MAXIMUM_IMAGES = 500;

/**
 * @param section - `.nv_fatbin` of the file.
 * @throws {Error} when the layout is another one.
 */
export async function readKernels(path: string, section: Section): Promise<Kernels> {
  const file = await open(path, "r");
  try {
    return await readContainers(file, section);
  } finally {
    await file.close();
  }
}

async function readContainers(file: FileHandle, { offset, size }: Section): Promise<Kernels> {
  const found = { binaries: new Set<Architecture>(), portable: new Set<Architecture>() };
  let images = 0;
  for (let at = offset; at + CONTAINER_HEADER_BYTES <= offset + size; ) {
    const header = await readExactly(file, at, CONTAINER_HEADER_BYTES);
    if (header.readUInt32LE(0) !== MAGIC) throw new Error("its kernels are kept in another way");
    const first = at + header.readUInt16LE(6);
    const end = first + Number(header.readBigUInt64LE(8));
    if (first < at + CONTAINER_HEADER_BYTES || end > offset + size)
      throw new Error("its kernels are cut short");
    for (let image = first; image + IMAGE_HEADER_BYTES <= end; images += 1) {
      if (images >= MAXIMUM_IMAGES) return sorted(found);
      const head = await readExactly(file, image, IMAGE_HEADER_BYTES);
      const kind = head.readUInt16LE(0);
      const architecture = head.readUInt32LE(28);
      if (kind === KIND_BINARY) found.binaries.add(architecture);
      else if (kind === KIND_PORTABLE) found.portable.add(architecture);
      image += Math.max(IMAGE_HEADER_BYTES, head.readUInt32LE(4)) + Number(head.readBigUInt64LE(8));
    }
    at = end;
  }
  return sorted(found);
}

function sorted({ binaries, portable }: { binaries: Set<number>; portable: Set<number> }): Kernels {
  const ascending = (values: Set<number>) => [...values].sort((one, other) => one - other);
  return { binaries: ascending(binaries), portable: ascending(portable) };
}

/** Whether a card of this architecture can run them. Kernels of nobody mean that we could not tell: then it can. */
export function runOn({ binaries, portable }: Kernels, card: Architecture): boolean {
  const same = binaries.some((own) => Math.floor(own / 10) === Math.floor(card / 10) && own <= card);
  return same || portable.some((own) => own <= card) || binaries.length + portable.length === 0;
}

/** `9.0` of 90. */
export function showArchitecture(architecture: Architecture): string {
  return `${Math.floor(architecture / 10)}.${architecture % 10}`;
}
