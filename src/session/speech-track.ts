/**
 * How a session's audio becomes text: it is cut where the speaker pauses, or into pieces of one length.
 */
import type { HeardUtterance } from "../call/listener.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";

/** The audio of one session while it is listened to and written down. All times are media time of the session, ms. */
export interface SpeechTrack {
  /** Everything before it is committed or was silence. */
  readonly settledMs: number;
  /** Takes the next samples, 16 kHz mono; kept without a copy. */
  push(pcm16k: Float32Array): void;
  /** Makes final what was said so far, as if the speaker had paused; resolves when it is committed. */
  flush(): Promise<void>;
  /** Makes final what was said so far; resolves when it is committed. Nothing may be pushed after it. */
  end(): Promise<void>;
}

/** An utterance that was heard to its end. */
export interface ToldUtterance {
  /** Number of its final, if there is one. */
  utterance: number;
  startMs: number;
  endMs: number;
  endedBy: NonNullable<HeardUtterance["endedBy"]>;
}

/**
 * - `vad`: an utterance ends where the speaker is silent.
 * - `fixed`: every `chunkMs - overlapMs` a piece of `chunkMs` is recognised; neighbours are joined in their overlap.
 */
export type Chunking =
  | { mode: "vad"; endpointer: Readonly<EndpointerOptions> }
  | { mode: "fixed"; chunkMs: number; overlapMs: number };
