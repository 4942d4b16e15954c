/**
 * A file that is on its way: `NAME.part` beside the place where it goes, with what is known of it in `NAME.part.json`, so
 * that another run can go on. It takes its place only when its whole content has been read back and found right.
 */
import { type FileHandle, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { LinescribeError } from "../base/error.ts";
import { digestOf } from "../models/digest.ts";
import { notWritten, syncFolder } from "../models/write.ts";
import type { HubFile } from "./listing.ts";

const STATE_MAXIMUM_BYTES = 4096;

const state = z.strictObject({
  bytes: z.int().positive(),
  digest: z.strictObject({ kind: z.enum(["sha256", "git"]), hex: z.string() }),
  /** Strong entity tag of the answer that the bytes are of, or null. */
  etag: z.string().max(1000).nullable(),
});

export class Part {
  readonly file: HubFile;
  /** Where the bytes are meanwhile. */
  readonly path: string;
  readonly #target: string;
  readonly #handle: FileHandle;
  #offset: number;
  #etag: string | null;

  private constructor(
    target: string,
    file: HubFile,
    handle: FileHandle,
    offset: number,
    etag: string | null,
  ) {
    this.#target = target;
    this.file = file;
    this.path = partOf(target);
    this.#handle = handle;
    this.#offset = offset;
    this.#etag = etag;
  }

  /**
   * Opens the part of a file: an older one goes on where it is of the same content, and is thrown away otherwise.
   *
   * @param folder - Exists, and is locked.
   * @throws {LinescribeError} MODEL_NOT_WRITTEN
   */
  static async open(folder: string, file: HubFile): Promise<Part> {
    const target = path.join(folder, file.name);
    return written(target, async () => {
      const etag = await knownEtag(target, file);
      const kept = etag === undefined ? null : await openKept(partOf(target), file.bytes);
      if (kept !== null) return new Part(target, file, kept.handle, kept.bytes, etag ?? null);
      await removePart(target);
      const part = new Part(target, file, await open(partOf(target), "wx", 0o644), 0, null);
      await part.#saveState();
      return part;
    });
  }

  /** Bytes that are there. */
  get offset(): number {
    return this.#offset;
  }

  /** What `If-Range` takes; null when nothing is known. */
  get etag(): string | null {
    return this.#etag;
  }

  /** Whether every byte is there; that they are right is for `finish` to say. */
  get isFull(): boolean {
    return this.#offset === this.file.bytes;
  }

  /** Appends; `chunk` goes to the disk as it is and is not kept. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#offset + chunk.length > this.file.bytes)
      throw new RangeError("Expected no more bytes than the file has");
    await written(this.#target, async () => {
      for (let start = 0; start < chunk.length; ) {
        const { bytesWritten } = await this.#handle.write(chunk, start, chunk.length - start, this.#offset);
        start += bytesWritten;
        this.#offset += bytesWritten;
      }
    });
  }

  /** Begins again from nothing. */
  async restart(): Promise<void> {
    await written(this.#target, () => this.#handle.truncate(0));
    this.#offset = 0;
  }

  /** Remembers what the bytes are of; weak tags say nothing about bytes. */
  async remember(etag: string | undefined): Promise<void> {
    const strong = etag !== undefined && /^"[\x21\x23-\x7e]{0,500}"$/.test(etag) ? etag : null;
    if (strong === this.#etag) return;
    this.#etag = strong;
    await written(this.#target, () => this.#saveState());
  }

  /**
   * Reads the whole file back and compares it with what it should be. Where it is another one, the part is removed.
   *
   * @throws {LinescribeError} HUB_WRONG_HASH
   */
  async finish(): Promise<void> {
    await written(this.#target, () => this.#handle.sync());
    const { bytes, hex } = await written(this.#target, () => digestOf(this.path, this.file.digest.kind));
    if (bytes === this.file.bytes && hex === this.file.digest.hex) return;
    await this.discard();
    const { name, digest } = this.file;
    throw new LinescribeError(
      "HUB_WRONG_HASH",
      `What was sent as ${name} is not that file: expected ${digest.kind === "git" ? "Git's hash" : "sha256"} ` +
        `${digest.hex}, got ${hex}. It is thrown away; pull again, or from another hub with --from`,
    );
  }

  /** Puts a finished part in its place and closes it. */
  async place(): Promise<void> {
    await this.close();
    await written(this.#target, async () => {
      await rename(this.path, this.#target);
      await syncFolder(path.dirname(this.#target));
      await rm(stateOf(this.#target), { force: true });
    });
  }

  /** Leaves the part for another run. */
  async close(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }

  async discard(): Promise<void> {
    await this.close();
    await removePart(this.#target);
  }

  #saveState(): Promise<void> {
    const { bytes, digest } = this.file;
    return writeFile(stateOf(this.#target), JSON.stringify({ bytes, digest, etag: this.#etag }));
  }
}

function partOf(target: string): string {
  return `${target}.part`;
}

function stateOf(target: string): string {
  return `${target}.part.json`;
}

/** The etag of an older part of the same content, null where it has none; undefined when there is no such part. */
async function knownEtag(target: string, { bytes, digest }: HubFile): Promise<string | null | undefined> {
  try {
    const text = await readFile(stateOf(target), "utf8");
    const known = state.parse(text.length > STATE_MAXIMUM_BYTES ? null : JSON.parse(text));
    const same =
      known.bytes === bytes && known.digest.kind === digest.kind && known.digest.hex === digest.hex;
    return same ? known.etag : undefined;
  } catch {
    return undefined; // absent, torn or of another version: the part is worth nothing
  }
}

async function openKept(
  file: string,
  maximumBytes: number,
): Promise<{ handle: FileHandle; bytes: number } | null> {
  const handle = await open(file, "r+").catch(() => null);
  if (handle === null) return null;
  const { size } = await handle.stat();
  if (size <= maximumBytes) return { handle, bytes: size };
  await handle.close();
  return null;
}

async function removePart(target: string): Promise<void> {
  await rm(partOf(target), { force: true });
  await rm(stateOf(target), { force: true });
}

/** Bytes of a file that are on the disk already, in its part. */
export async function bytesInPart(folder: string, { name, bytes }: HubFile): Promise<number> {
  const part = await stat(partOf(path.join(folder, name))).catch(() => null);
  return Math.min(bytes, part?.size ?? 0);
}

async function written<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LinescribeError || error instanceof RangeError) throw error;
    throw notWritten(target, error);
  }
}
