/**
 * The events of a call: one versioned schema, the same names in code, JSON and logs.
 *
 * A webhook body is `{ type, timestamp, data }` (Standard Webhooks 1.0.0), where `data` is an event without its
 * `type` and `timestamp`. All positions are milliseconds of media time since the call's first `start`.
 */

/** Raised when a field changes meaning or disappears; new fields do not raise it. */
export const SCHEMA_VERSION = 1;

/** One direction of a call: `inbound` is what the carrier received from the party on this leg. */
export type Track = "inbound" | "outbound";
export const TRACKS: readonly Track[] = ["inbound", "outbound"];

/**
 * Why speech is missing from the transcript.
 * - `not_received`: the audio never arrived (packets lost, stream interrupted).
 * - `not_recognised`: recognition failed on it twice, or found no word in what was clearly speech.
 * - `overload`: the audio was discarded because the machine could not keep up.
 * - `crash`: the server stopped before the words were committed.
 */
export type GapCause = "not_received" | "not_recognised" | "overload" | "crash";

/**
 * Why a call ended, as told by whichever came first.
 * - `stream_stopped`: the stop message. `stream_closed`: the socket closed without one.
 * - `stream_status`: the stream status callback. `call_status`: the call status callback.
 * - `never_streamed`: no socket ever opened. `shutdown`: the server drained. `crash`: found open at start-up.
 */
export type CallEndReason =
  | "stream_stopped"
  | "stream_closed"
  | "stream_status"
  | "call_status"
  | "never_streamed"
  | "shutdown"
  | "crash";

export interface TrackLabel {
  track: Track;
  /** What the operator calls the party, for example `caller`. */
  label: string;
}

/** A word of a final. Words come in the order in which they were said and do not overlap. */
export interface TranscriptWord {
  /** As written in `text`, punctuation included; in most languages the words joined by spaces are the text. */
  word: string;
  /** Media time of the call, within the utterance. */
  startMs: number;
  endMs: number;
  /** Probability that this word was said, 0..1. */
  confidence: number;
}

/** What an event says, before it is committed. */
export type EventDraft =
  | {
      type: "call.started";
      from: string;
      to: string;
      mode: "start" | "connect";
      tracks: TrackLabel[];
      /** BCP-47 or Whisper code that was asked for, or `auto`. */
      language: string;
      /** The text spoken to the caller before the stream started, or null. */
      announcement: string | null;
      /** Custom parameters of the stream, as the carrier passed them; the token is not among them. */
      parameters: Record<string, string>;
    }
  | {
      type: "transcript.final";
      track: Track;
      label: string;
      /** Utterance number on its track, from 1, rising; unique together with `track`. Noise may take numbers too. */
      utterance: number;
      startMs: number;
      endMs: number;
      text: string;
      /** Whisper language code of the text, for example `en`. */
      language: string;
      /** exp of the mean token log-probability, 0..1. */
      confidence: number;
      words: TranscriptWord[];
    }
  | {
      type: "transcript.gap";
      track: Track;
      label: string;
      /** Gap number on its track, from 1; unique together with `track`. */
      gap: number;
      startMs: number;
      endMs: number;
      cause: GapCause;
    }
  | {
      type: "call.dtmf";
      track: Track;
      /** Running number in the call, from 1. */
      press: number;
      digit: string;
      atMs: number;
    }
  | {
      type: "call.ended";
      reason: CallEndReason;
      /** Media time of the call, or 0 when no audio came. */
      durationMs: number;
      finals: number;
      gaps: number;
    };

/** What the store adds when it commits a draft. */
export interface Committed {
  version: typeof SCHEMA_VERSION;
  /** Stable message id and idempotency key, see `messageId`. */
  id: string;
  callSid: string;
  /** Position in the call, from 1, without holes. The sequence of `call.ended` is the number of events. */
  sequence: number;
  /** When it was committed, ISO 8601 in UTC. */
  timestamp: string;
}

export type CallEvent = EventDraft & Committed;
export type EventType = EventDraft["type"];

/**
 * The id of an event, a pure function of what it is about: the same utterance committed twice has the same id,
 * so that the store keeps one and the receiver can drop repeats.
 */
export function messageId(callSid: string, draft: EventDraft): string {
  switch (draft.type) {
    case "call.started":
      return `msg_${callSid}_started`;
    case "transcript.final":
      return `msg_${callSid}_${draft.track}_${draft.utterance}`;
    case "transcript.gap":
      return `msg_${callSid}_${draft.track}_gap_${draft.gap}`;
    case "call.dtmf":
      return `msg_${callSid}_dtmf_${draft.press}`;
    case "call.ended":
      return `msg_${callSid}_ended`;
  }
}

/** The webhook body of an event, exactly as it is signed and sent. */
export function webhookBody(event: CallEvent): string {
  const { type, timestamp, ...data } = event;
  return JSON.stringify({ type, timestamp, data });
}
