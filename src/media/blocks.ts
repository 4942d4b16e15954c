/**
 * Which decoder reads which kind of file.
 */
import { type Blocks, unsupported } from "./block.ts";
import type { MediaKind } from "./kind.ts";
import { wavBlocks } from "./wav-blocks.ts";

/** @throws {LinescribeError} `MEDIA_UNSUPPORTED`; and while it is read `MEDIA_MALFORMED`. */
export function blocksOf(kind: MediaKind, bytes: Uint8Array): Blocks {
  if (kind === "wav") return wavBlocks(bytes);
  throw unsupported(`Expected a WAV file, got ${kind}`);
}
