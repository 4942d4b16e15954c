/**
 * What a session is asked for, what it tells, and what it needs.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { Detector, TextRecogniser } from "../call/ports.ts";
import { type CallEvent, type EventDraft, TRACKS, type Track, type TrackLabel } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import { type AudioFormat, trackCountOf } from "./audio-intake.ts";
import type { Chunking, ToldUtterance } from "./speech-track.ts";

export interface SessionRequest {
  /** What opened it, for example `/ws/transcribe`; kept as `to` of the session. */
  surface: string;
  /** Who opened it, for example the id of a key; kept as `from`. */
  client: string;
  /** At most two channels may be separate. */
  format: AudioFormat;
  chunking: Chunking;
  /** BCP-47 tag, Whisper code or `auto`. */
  language: string;
  /** What is likely to be said, as `asHints` returned it. Default: nothing is known. */
  hints?: readonly string[];
  /** Silence after which what was said is shown as complete, ms. Default 400. */
  endpointMs?: number;
  /** Whether partials are made. Default true. */
  partials?: boolean;
  /** What the transcript calls the speaker of a session with one track. Default `speaker`. */
  label?: string;
  /** Kept with the session: what its client asked for. */
  parameters?: Record<string, string>;
}

/** Where a session tells what it heard. Must not block and must not throw. */
export interface SessionListener {
  /**
   * An event of the session, once it is committed: `call.started`, `transcript.final`, `transcript.gap` and, last,
   * `call.ended`. Its `callSid` is the session's id; sequences rise by 1.
   */
  onEvent(event: CallEvent): void;
  /** What is being said; each replaces the one before it, and a final of the same `utterance` all of them. */
  onPartial?(partial: TrackPartial): void;
  /** Somebody began to speak, media time of the session; only with `vad` chunking. */
  onSpeechStarted?(startMs: number, track: Track): void;
  /** An utterance is done with: its final or gap was told, or it held no word; only with `vad` chunking. */
  onUtterance?(utterance: ToldUtterance & { track: Track }): void;
}

/** Why a session ends: its client said so, its socket went or was closed, the server drains. */
export type SessionEndReason = "stream_stopped" | "stream_closed" | "shutdown";

export interface SessionOptions extends SessionRequest {
  id: string;
  /** A code of the model, or `auto`. */
  modelLanguage: string;
  detector: Detector;
  recogniser: TextRecogniser;
  /** Resolves to the events that are new when they are durable; rejects when they are lost for good. */
  commit: (drafts: EventDraft[]) => Promise<CallEvent[]>;
  /** At most `limit` committed events after a sequence. */
  events: (after: number, limit: number) => CallEvent[];
  /** Told what is being said, beside the listener. */
  onPartial?: ((partial: TrackPartial) => void) | undefined;
  onEnded: () => void;
  now: () => number;
  logger: Logger;
  counters: Counters;
}

const DEFAULT_LABEL = "speaker";

/**
 * The tracks of a session: one, or one for each channel.
 *
 * @throws {RangeError} when there are more channels than tracks.
 */
export function tracksOf({ format, label }: Pick<SessionRequest, "format" | "label">): TrackLabel[] {
  const count = trackCountOf(format);
  if (count > TRACKS.length) {
    throw new RangeError(`Expected at most ${TRACKS.length} separate channels, got ${count}`);
  }
  return TRACKS.slice(0, count).map((track, channel) => ({
    track,
    label: count === 1 ? (label ?? DEFAULT_LABEL) : `channel ${channel}`,
  }));
}
