/**
 * What a file holds, as a digest of all its bytes.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** `git`: SHA-1 of the blob object that Git makes of the file, which is what hubs know small files by. */
export type DigestKind = "sha256" | "git";

export interface Digest {
  readonly kind: DigestKind;
  /** Lower case, 64 or 40 digits. */
  readonly hex: string;
}

/**
 * Reads a whole file.
 *
 * @throws {Error} the system's, when it cannot be read or is no file.
 */
export async function digestOf(file: string, kind: DigestKind): Promise<{ bytes: number; hex: string }> {
  const hash = createHash(kind === "git" ? "sha1" : "sha256");
  // Git's objects begin with their type and length: "blob 1479\0".
  if (kind === "git") hash.update(`blob ${(await stat(file)).size}\0`);
  let bytes = 0;
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  });
  return { bytes, hex: hash.digest("hex") };
}
