/**
 * The body of an answer, decoded and bounded in bytes before and after decoding.
 */
import { pipeline, type Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { LinescribeError } from "../base/error.ts";

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

/**
 * What decodes an answer, or null when nothing needs to. We ask for no encoding, but not every server listens.
 *
 * @throws {LinescribeError} FETCH_BAD_ANSWER for an encoding that is not known, and for several over each other.
 */
export function decoderOf(contentEncoding: string): (() => Transform) | null {
  const name = contentEncoding.trim().toLowerCase();
  if (name === "" || name === "identity") return null;
  const decoder = DECODERS[name];
  if (decoder) return decoder;
  throw new LinescribeError("FETCH_BAD_ANSWER", "The answer has a content encoding that is not accepted");
}

/**
 * The decoded pieces of a body.
 *
 * @throws {LinescribeError} FETCH_TOO_LARGE as soon as there are more than `maximumBytes`; what decodes to more than is
 *   allowed is not decoded any further.
 */
export async function* boundedBody(
  body: Readable,
  decoder: (() => Transform) | null,
  maximumBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const counted = bounded(body, maximumBytes);
  if (decoder === null) {
    yield* counted;
    return;
  }
  // An error of one is an error of the other, and leaving the loop destroys both.
  const decoded = pipeline(counted, decoder(), () => {});
  yield* bounded(decoded, maximumBytes);
}

async function* bounded(
  chunks: AsyncIterable<unknown>,
  maximumBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += (chunk as Uint8Array).length;
    if (bytes > maximumBytes) throw tooLarge(maximumBytes);
    yield chunk as Uint8Array;
  }
}

export function tooLarge(maximumBytes: number): LinescribeError {
  return new LinescribeError("FETCH_TOO_LARGE", `The answer has more than ${maximumBytes} bytes`);
}
