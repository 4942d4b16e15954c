/**
 * A recorded call: what the carrier sent and when. Parsed from `fixtures/calls/*.jsonl`, or made from sound.
 */
import { LinescribeError, messageOf } from "../../base/error.ts";
import { TRACKS, type Track } from "../../transcript/event.ts";

export type RecordedMessage =
  | {
      kind: "media";
      /** When it was sent, ms since the socket opened. */
      atMs: number;
      /** The carrier's number of the message in the stream; holes are messages that were lost. */
      sequence: number;
      track: Track;
      chunk: number;
      /** Position of its first sample, ms since the stream's start. */
      timestampMs: number;
      /** mu-law, 8 kHz, in base64, as it goes over the wire. */
      payload: string;
    }
  | { kind: "dtmf"; atMs: number; sequence: number; digit: string };

export interface RecordedCall {
  name: string;
  mode: "start" | "connect";
  /** The tracks that were recorded. */
  tracks: Track[];
  language: string;
  from: string;
  to: string;
  description: string;
  /** When the start message was sent, ms since the socket opened; timestamps count from here. */
  startAtMs: number;
  /** When the call ended, ms since the socket opened. */
  endAtMs: number;
  /** `stop`: the caller hung up. `drop`: the socket died without a stop message. */
  ending: "stop" | "drop";
  /** In the order of sending; can be iterated more than once. */
  messages: Iterable<RecordedMessage>;
}

type Json = Record<string, unknown>;

function bad(problem: string, cause?: unknown): LinescribeError {
  return new LinescribeError("REPLAY_REFUSED", `Not a recorded call: ${problem}`, { cause });
}

function asObject(value: unknown, name: string): Json {
  if (typeof value !== "object" || value === null) throw bad(`expected ${name} to be an object`);
  return value as Json;
}

function asText(value: unknown, name: string): string {
  if (typeof value !== "string") throw bad(`expected ${name} to be a string, got ${typeof value}`);
  return value;
}

function asNumber(value: unknown, name: string): number {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number) || number < 0) {
    throw bad(`expected ${name} to be a number >= 0`);
  }
  return number;
}

function asTrack(value: unknown): Track {
  const track = TRACKS.find((known) => known === value);
  if (track === undefined) throw bad(`expected a track, got ${JSON.stringify(value)}`);
  return track;
}

function asMode(value: unknown): "start" | "connect" {
  if (value !== "start" && value !== "connect") throw bad("expected the mode to be start or connect");
  return value;
}

function asLine(line: string, index: number): Json {
  try {
    return asObject(JSON.parse(line), "the line");
  } catch (error) {
    throw bad(`line ${index + 1}: ${messageOf(error)}`, error);
  }
}

interface Timed {
  atMs: number;
  message: Json;
}

function asTimed(line: Json, index: number): Timed {
  return {
    atMs: asNumber(line.atMs, `atMs of line ${index + 2}`),
    message: asObject(line.message, "message"),
  };
}

function asRecorded({ atMs, message }: Timed): RecordedMessage[] {
  const sequence = (): number => asNumber(message.sequenceNumber, "sequenceNumber");
  if (message.event === "media") {
    const media = asObject(message.media, "media");
    return [
      {
        kind: "media",
        atMs,
        sequence: sequence(),
        track: asTrack(media.track),
        chunk: asNumber(media.chunk, "chunk"),
        timestampMs: asNumber(media.timestamp, "timestamp"),
        payload: asText(media.payload, "payload"),
      },
    ];
  }
  if (message.event === "dtmf") {
    const dtmf = asObject(message.dtmf, "dtmf");
    return [{ kind: "dtmf", atMs, sequence: sequence(), digit: asText(dtmf.digit, "digit") }];
  }
  return [];
}

/**
 * Parses a recorded call: a header line `{ call }`, then one `{ atMs, message }` a line.
 *
 * @throws {LinescribeError} REPLAY_REFUSED when the text is anything else.
 */
export function parseRecordedCall(text: string): RecordedCall {
  const [header, ...rest] = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(asLine);
  if (header === undefined) throw bad("the file is empty");
  const call = asObject(header.call, "the header's call");
  if (!Array.isArray(call.tracks)) throw bad("expected the header's tracks to be an array");
  const timed = rest.map(asTimed);
  const start = timed.find(({ message }) => message.event === "start");
  if (start === undefined) throw bad("it has no start message");
  const last = timed.at(-1) ?? start;
  return {
    name: asText(call.name, "name"),
    mode: asMode(call.mode),
    tracks: call.tracks.map(asTrack),
    language: asText(call.language, "language"),
    from: asText(call.from, "from"),
    to: asText(call.to, "to"),
    description: asText(call.description ?? "", "description"),
    startAtMs: start.atMs,
    endAtMs: last.atMs,
    ending: last.message.event === "stop" ? "stop" : "drop",
    messages: timed.flatMap(asRecorded),
  };
}
