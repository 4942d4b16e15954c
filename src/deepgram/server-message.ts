/**
 * The messages of the live socket; docs/deepgram.md has the same. Times are seconds of audio from its first byte.
 */
import type { GapCause } from "../transcript/event.ts";
import type { ModelFacts } from "./model.ts";
import type { LiveOptions } from "./options.ts";
import { type Alternative, seconds } from "./words.ts";

export interface Results {
  type: "Results";
  /** Which channel, of how many. */
  channel_index: [number, number];
  start: number;
  duration: number;
  is_final: boolean;
  speech_final: boolean;
  from_finalize: boolean;
  channel: { alternatives: [Alternative] };
  metadata: { request_id: string; model_uuid: string; model_info: ModelFacts["info"] };
  /** Ours: speech of this piece is missing, and why. */
  gap?: GapCause;
}

export interface Metadata {
  type: "Metadata";
  transaction_key: "deprecated";
  request_id: string;
  /** Of all bytes of audio. */
  sha256: string;
  created: string;
  duration: number;
  channels: number;
  models: string[];
  model_info: Record<string, ModelFacts["info"]>;
  tags?: readonly string[];
  extra?: Readonly<Record<string, string>>;
}

export type ServerMessage =
  | Results
  | Metadata
  | { type: "SpeechStarted"; channel: [number, number]; timestamp: number }
  | { type: "UtteranceEnd"; channel: [number, number]; last_word_end: number }
  | { type: "Warning"; variant: string; description: string; message: string }
  | { type: "Error"; variant: string; description: string; message: string };

/** What a piece of audio says, ms of the session. */
export interface Piece {
  startMs: number;
  endMs: number;
  alternative: Alternative;
  isFinal: boolean;
  speechFinal?: boolean;
  fromFinalize?: boolean;
  gap?: GapCause | null;
}

/** What all results of one connection have. */
export interface ResultFacts {
  requestId: string;
  model: ModelFacts;
  channels: number;
}

export function resultsOf(
  piece: Piece,
  channel: number,
  { requestId, model, channels }: ResultFacts,
): Results {
  const { startMs, endMs, alternative, isFinal, speechFinal = false, fromFinalize = false, gap } = piece;
  return {
    type: "Results",
    channel_index: [channel, channels],
    start: seconds(startMs),
    duration: seconds(endMs - startMs),
    is_final: isFinal,
    speech_final: speechFinal,
    from_finalize: fromFinalize,
    channel: { alternatives: [alternative] },
    metadata: { request_id: requestId, model_uuid: model.uuid, model_info: model.info },
    ...(gap ? { gap } : {}),
  };
}

/** @param variant - Of the close that follows. */
export function problemOf(variant: string, message: string): ServerMessage {
  return { type: "Error", variant, description: message, message };
}

export function limitWarning(remainingMs: number): ServerMessage {
  const remainingSeconds = Math.max(0, Math.round(remainingMs / 1000));
  const message = `The stream reaches its longest duration in ${remainingSeconds} s`;
  return { type: "Warning", variant: "SESSION_LIMIT", description: message, message };
}

/** The last message. */
export function metadataOf(
  { tags, extra }: Pick<LiveOptions, "tags" | "extra">,
  { requestId, model, channels }: ResultFacts,
  { sha256, created, durationMs }: { sha256: string; created: string; durationMs: number },
): Metadata {
  return {
    type: "Metadata",
    transaction_key: "deprecated",
    request_id: requestId,
    sha256,
    created,
    duration: seconds(durationMs),
    channels,
    models: [model.uuid],
    model_info: { [model.uuid]: model.info },
    ...(tags.length > 0 ? { tags } : {}),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}
