/**
 * A recording as it is transcribed: one or two tracks of sound that is all there.
 */
import type { Track } from "../transcript/event.ts";

/** Sound of 16 kHz in [-1, 1] of which parts can be had; a `Float32Array` is one. */
export interface Samples {
  /** Samples in all. */
  readonly length: number;
  /** A copy of the samples from `start` to before `end`, as of a `Float32Array`. */
  slice(start: number, end: number): Float32Array;
}

/** The audio of one media message of a recorded call. */
export interface RecordedPacket {
  /** Position of its first sample, ms since the stream's start. */
  timestampMs: number;
  /** mu-law, 8 kHz, in base64. */
  payload: string;
}

export interface RecordedTrack {
  track: Track;
  /** Only in recorded calls: the packets, as they came. */
  packets: readonly RecordedPacket[] | null;
  /** All of it; holes are silence. Made anew at each call. */
  pcm16k(): Samples;
}

export interface Recording {
  durationMs: number;
  tracks: readonly RecordedTrack[];
}

export function mulawOf({ payload }: RecordedPacket): Uint8Array {
  return Buffer.from(payload, "base64");
}
