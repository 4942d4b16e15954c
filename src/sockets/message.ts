/**
 * The messages of `/ws/transcribe`; docs/raw-pcm.md has the same table.
 */
import { z } from "zod";
import type { ErrorCode } from "../base/codes.ts";
import { LinescribeError } from "../base/error.ts";
import type { CallEndReason, CallEvent, GapCause } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";

/** What a client may say beside its audio. */
export type ClientMessage = { type: "finish" | "flush" | "keepalive" };

/** A word in media time of the session, ms. */
export interface SentWord {
  word: string;
  start_ms: number;
  end_ms: number;
  confidence: number;
}

export type ServerMessage =
  | {
      type: "session";
      session: string;
      resume_token: string;
      resumed: boolean;
      /** Whole samples that were taken: the client goes on with the next one. */
      samples: number;
      /** Sequence of the newest event, 0 when there is none. */
      sequence: number;
      limits: {
        session_ms: number;
        idle_ms: number;
        resume_ms: number;
        message_bytes: number;
      };
    }
  | { type: "ack"; samples: number }
  | {
      type: "partial";
      text: string;
      /** Leading characters of `text` that are not expected to change. */
      stable: number;
      endpoint: boolean;
      utterance: number;
      start_ms: number;
      end_ms: number;
    }
  | {
      type: "final";
      text: string;
      full_transcript: string;
      sequence: number;
      utterance: number;
      start_ms: number;
      end_ms: number;
      language: string;
      confidence: number;
      words: SentWord[];
    }
  | { type: "gap"; sequence: number; start_ms: number; end_ms: number; cause: GapCause }
  | { type: "warning"; code: ErrorCode; message: string; remaining_ms: number }
  | { type: "end"; sequence: number; reason: EndReason; duration_ms: number; finals: number; gaps: number }
  | { type: "error"; code: ErrorCode; message: string };

/** `finished`: the client said so. `closed`: it went, or was closed for an error. */
export type EndReason = "finished" | "closed" | "shutdown";

/** Longer texts are no message of ours. */
const TEXT_MAXIMUM_BYTES = 1024;

const clientMessage = z.strictObject({ type: z.enum(["finish", "flush", "keepalive"]) });

/** @throws {LinescribeError} `SOCKET_BAD_MESSAGE`; it does not repeat what was sent. */
export function parseClientMessage(text: string): ClientMessage {
  const parsed = text.length <= TEXT_MAXIMUM_BYTES ? clientMessage.safeParse(parseJson(text)) : null;
  if (parsed?.success) return parsed.data;
  throw new LinescribeError(
    "SOCKET_BAD_MESSAGE",
    'Expected audio in binary messages, or a text {"type":"finish"}, {"type":"flush"} or {"type":"keepalive"}',
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * What a client is told of a committed event, or null for one that is not its business.
 *
 * @param fullTranscript - Everything said up to and with this event.
 */
export function messageOfEvent(event: CallEvent, fullTranscript: () => string): ServerMessage | null {
  const { sequence } = event;
  switch (event.type) {
    case "transcript.final": {
      const { text, utterance, startMs, endMs, language, confidence, words } = event;
      return {
        type: "final",
        text,
        full_transcript: fullTranscript(),
        sequence,
        utterance,
        start_ms: startMs,
        end_ms: endMs,
        language,
        confidence,
        words: words.map((word) => ({
          word: word.word,
          start_ms: word.startMs,
          end_ms: word.endMs,
          confidence: word.confidence,
        })),
      };
    }
    case "transcript.gap":
      return { type: "gap", sequence, start_ms: event.startMs, end_ms: event.endMs, cause: event.cause };
    case "call.ended": {
      const { reason, durationMs, finals, gaps } = event;
      return { type: "end", sequence, reason: endReasonOf(reason), duration_ms: durationMs, finals, gaps };
    }
    default:
      return null;
  }
}

function endReasonOf(reason: CallEndReason): EndReason {
  if (reason === "stream_stopped") return "finished";
  return reason === "shutdown" ? "shutdown" : "closed";
}

export function messageOfPartial(partial: TrackPartial): ServerMessage {
  const { text, stable, endpoint, utterance, startMs, endMs } = partial;
  return { type: "partial", text, stable, endpoint, utterance, start_ms: startMs, end_ms: endMs };
}

export function limitWarning(remainingMs: number): ServerMessage {
  const message = "The session will soon reach its longest duration";
  return { type: "warning", code: "SESSION_LIMIT", message, remaining_ms: remainingMs };
}
