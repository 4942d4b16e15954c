/**
 * What every decoder makes: sound in pieces, at the rate of the file.
 */
import { LinescribeError } from "../base/error.ts";

export interface Block {
  rateHz: number;
  /** One array a channel, all of one length, in [-1, 1]; at least one. */
  channels: Float32Array[];
}

/** Blocks in the order of the file. Decoders hold back, and so block their thread, no more than a piece of the file. */
export type Blocks = AsyncIterable<Block> | Iterable<Block>;

export function malformed(problem: string): LinescribeError {
  return new LinescribeError("MEDIA_MALFORMED", problem);
}

export function unsupported(problem: string): LinescribeError {
  return new LinescribeError("MEDIA_UNSUPPORTED", problem);
}
