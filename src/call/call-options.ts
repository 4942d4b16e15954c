/**
 * What a call is given: its facts, its limits, what it talks to, and what is remembered of it after a crash.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { Track, TrackLabel } from "../transcript/event.ts";
import type { TranscriptPartial } from "../transcript/partial.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import type { Commit, Detector, TextRecogniser } from "./ports.ts";

export interface CallLimits {
  /** Audio that never came within a stream counts as a gap from this length on, ms. */
  minimumGapMs: number;
  /** How long an answered call may stay without a stream before it ends as `never_streamed`, ms. */
  streamWaitMs: number;
  /** How long a call whose stream died may stay without a new one, ms. */
  recoverMs: number;
  /** How long a status callback waits for the socket to deliver the rest, ms. */
  statusGraceMs: number;
}

export const DEFAULT_CALL_LIMITS: Readonly<CallLimits> = {
  minimumGapMs: 400,
  streamWaitMs: 6 * 60_000,
  recoverMs: 30_000,
  statusGraceMs: 5000,
};

/** What is known of a call that was open when an earlier run of the server stopped. */
export interface CallMemory {
  /** Unix ms of media time 0, or null when no stream had opened. */
  mediaStartAt: number | null;
  started: boolean;
  press: number;
  tracks: ReadonlyMap<Track, TrackMemory>;
}

export interface TrackMemory {
  /** Media time that a final, a gap or a watermark vouches for, ms. */
  reachedMs: number;
  /** What lies before it and was neither committed nor silence, ms, in order. */
  uncovered: readonly { startMs: number; endMs: number }[];
  nextUtterance: number;
  nextGap: number;
  finals: number;
  gaps: number;
}

export interface CallOptions {
  callSid: string;
  from: string;
  to: string;
  mode: "start" | "connect";
  tracks: readonly TrackLabel[];
  /** As configured, for the event. */
  language: string;
  /** A code of the model, or `auto`. */
  modelLanguage: string;
  /** What callers of this number are likely to say, as `asHints` returned it. Default: nothing is known. */
  hints?: readonly string[] | undefined;
  announcement: string | null;
  endpointer: EndpointerOptions;
  /** Silence after which what was said is shown as complete, ms. */
  endpointMs: number;
  limits: Readonly<CallLimits>;
  detector: Detector;
  recogniser: TextRecogniser;
  commit: Commit;
  /** Told what is being said; absent: no partials are made. */
  onPartial?: ((partial: TranscriptPartial) => void) | undefined;
  /** Told of the wall clock of media time 0, Unix ms; must not throw. */
  onMediaStart: (at: number) => void;
  /** The call is suspended: ask the carrier for a new stream. Returns whether there is hope. */
  requestStream: () => boolean;
  /** Ends the sockets that are still open. */
  closeStreams: () => void;
  onEnded: () => void;
  now: () => number;
  logger: Logger;
  counters: Counters;
  memory?: CallMemory;
}
