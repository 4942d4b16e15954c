/**
 * Which decoder reads which kind of file.
 */
import { type Blocks, unsupported } from "./block.ts";
import { flacBlocks } from "./flac-blocks.ts";
import type { MediaKind } from "./kind.ts";
import { mp3Blocks } from "./mp3-blocks.ts";
import { oggBlocks } from "./ogg-blocks.ts";
import { wavBlocks } from "./wav-blocks.ts";
import { webmBlocks } from "./webm-blocks.ts";

const READERS: Partial<Record<MediaKind, (bytes: Uint8Array) => Blocks>> = {
  wav: wavBlocks,
  mp3: mp3Blocks,
  flac: flacBlocks,
  ogg: oggBlocks,
  webm: webmBlocks,
};

/** @throws {LinescribeError} `MEDIA_UNSUPPORTED`; and while it is read `MEDIA_MALFORMED`. */
export function blocksOf(kind: MediaKind, bytes: Uint8Array): Blocks {
  const read = READERS[kind];
  if (read) return read(bytes);
  throw unsupported(`A file of the kind ${kind} cannot be decoded without ffmpeg`);
}
