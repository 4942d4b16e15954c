/**
 * Parses the messages of the carrier's media stream (Twilio Media Streams): text in, one message out, no I/O.
 *
 * Numbers come as strings or as numbers; the carrier mixes them. Shapes are strict, and events that are not known
 * become `unknown`, because the carrier adds some.
 */
import { LinescribeError } from "../base/error.ts";
import type { Track } from "../transcript/event.ts";

/** Longest message, in bytes on the wire and characters here. 20 ms of sound make one of about 350. */
export const MESSAGE_MAXIMUM_BYTES = 64 * 1024;
/** Longest timestamp: a day. The carrier ends calls after 24 h at most. */
export const TIMESTAMP_MAXIMUM_MS = 86_400_000;
/** The carrier allows 99 parameters of fewer than 500 characters, name and value together. */
const PARAMETERS_MAXIMUM = 100;
const PARAMETER_MAXIMUM = 500;
const ID_MAXIMUM = 64;

export interface MediaFormat {
  encoding: string;
  sampleRateHz: number;
  channels: number;
}

interface Numbered {
  /** Position among the messages of the stream, or null when it is not told. */
  sequenceNumber: number | null;
  /** Null where a dialect leaves it out. */
  streamSid: string | null;
}

export type StartMessage = Numbered & {
  event: "start";
  streamSid: string;
  callSid: string;
  accountSid: string;
  tracks: Track[];
  mediaFormat: MediaFormat;
  /** Custom parameters, the token among them. */
  parameters: Record<string, string>;
};

export type MediaMessage =
  | { event: "connected" }
  | StartMessage
  | (Numbered & { event: "media"; track: Track; timestampMs: number; mulaw: Uint8Array })
  | (Numbered & { event: "dtmf"; track: Track; digit: string })
  | (Numbered & { event: "mark" })
  | (Numbered & { event: "stop" })
  | { event: "unknown" };

/** @throws {LinescribeError} STREAM_BAD_MESSAGE, and nothing else, whatever `text` is. */
export function parseMessage(text: string): MediaMessage {
  if (text.length > MESSAGE_MAXIMUM_BYTES) {
    throw bad(`a message of at most ${MESSAGE_MAXIMUM_BYTES} characters`, `${text.length}`);
  }
  const message = asObject("message", parseJson(text));
  switch (message.event) {
    case "connected":
      return { event: "connected" };
    case "start":
      return asStart(message);
    case "media":
      return asMedia(message);
    case "dtmf": {
      const dtmf = asObject("dtmf", message.dtmf);
      return {
        event: "dtmf",
        track: asTrack(dtmf.track),
        digit: asDigit(dtmf.digit),
        ...numbered(message),
      };
    }
    case "mark":
      return { event: "mark", ...numbered(message) };
    case "stop":
      return { event: "stop", ...numbered(message) };
    default:
      asText("event", message.event, 1, ID_MAXIMUM);
      return { event: "unknown" };
  }
}

function asStart(message: Fields): StartMessage {
  const start = asObject("start", message.start);
  const format = asObject("start.mediaFormat", start.mediaFormat);
  return {
    event: "start",
    sequenceNumber: asOptionalCount("sequenceNumber", message.sequenceNumber),
    streamSid: asId("start.streamSid", start.streamSid ?? message.streamSid),
    callSid: asId("start.callSid", start.callSid),
    accountSid: asId("start.accountSid", start.accountSid),
    tracks: asTracks(start.tracks),
    mediaFormat: {
      encoding: asText("start.mediaFormat.encoding", format.encoding, 1, ID_MAXIMUM),
      sampleRateHz: asCount("start.mediaFormat.sampleRate", format.sampleRate),
      channels: asCount("start.mediaFormat.channels", format.channels),
    },
    parameters: asParameters(start.customParameters),
  };
}

function asMedia(message: Fields): MediaMessage {
  const media = asObject("media", message.media);
  return {
    event: "media",
    track: asTrack(media.track),
    timestampMs: asCount("media.timestamp", media.timestamp, TIMESTAMP_MAXIMUM_MS),
    mulaw: asBase64("media.payload", media.payload),
    ...numbered(message),
  };
}

type Fields = Record<string, unknown>;

function numbered(message: Fields): Numbered {
  return {
    sequenceNumber: asOptionalCount("sequenceNumber", message.sequenceNumber),
    streamSid: message.streamSid === undefined ? null : asId("streamSid", message.streamSid),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and what callers say must not reach a log.
    throw bad("a message that is JSON", `${text.length} characters that are not`);
  }
}

function asObject(name: string, value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad(`"${name}" to be an object`, kindOf(value));
  }
  return value as Fields;
}

function asText(name: string, value: unknown, minimum: number, maximum: number): string {
  if (typeof value !== "string") throw bad(`"${name}" to be a string`, kindOf(value));
  if (value.length < minimum || value.length > maximum) {
    throw bad(`"${name}" to have ${minimum} to ${maximum} characters`, `${value.length}`);
  }
  return value;
}

/** Identifiers end up in URLs, logs and keys, so their alphabet is closed. */
function asId(name: string, value: unknown): string {
  const id = asText(name, value, 1, ID_MAXIMUM);
  if (!/^[A-Za-z0-9_.:-]+$/.test(id)) throw bad(`"${name}" to be an identifier`, "other characters");
  return id;
}

function asCount(name: string, value: unknown, maximum = Number.MAX_SAFE_INTEGER): number {
  const count = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0 || count > maximum) {
    throw bad(`"${name}" to be a whole number in [0, ${maximum}]`, kindOf(value));
  }
  return count;
}

function asOptionalCount(name: string, value: unknown): number | null {
  return value === undefined ? null : asCount(name, value);
}

/** The stream says `inbound`, keypresses and TwiML say `inbound_track`. */
function asTrack(value: unknown): Track {
  if (value === "inbound" || value === "inbound_track") return "inbound";
  if (value === "outbound" || value === "outbound_track") return "outbound";
  throw bad(`a track to be "inbound" or "outbound"`, kindOf(value));
}

function asTracks(value: unknown): Track[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > 2) {
    throw bad(`"start.tracks" to be a list of one or two tracks`, kindOf(value));
  }
  return [...new Set(value.map(asTrack))];
}

function asDigit(value: unknown): string {
  if (typeof value !== "string" || !/^[0-9A-D*#]$/.test(value)) {
    throw bad(`"dtmf.digit" to be one of 0-9, A-D, * and #`, kindOf(value));
  }
  return value;
}

function asParameters(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  const entries = Object.entries(asObject("start.customParameters", value));
  if (entries.length > PARAMETERS_MAXIMUM) {
    throw bad(`at most ${PARAMETERS_MAXIMUM} custom parameters`, `${entries.length}`);
  }
  return Object.fromEntries(
    entries.map(([name, text]) => [
      asText("a parameter's name", name, 1, PARAMETER_MAXIMUM),
      asText("a parameter's value", text, 0, PARAMETER_MAXIMUM),
    ]),
  );
}

/** Strict: `Buffer.from` skips what it does not know, so what it read must give the same text again. */
function asBase64(name: string, value: unknown): Uint8Array {
  const text = asText(name, value, 0, MESSAGE_MAXIMUM_BYTES);
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw bad(`"${name}" to be base64`, `${text.length} characters`);
  return bytes;
}

/** What a value is, without saying what it says. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === undefined ? "nothing" : `a ${typeof value}`;
}

function bad(expected: string, got: string): LinescribeError {
  return new LinescribeError("STREAM_BAD_MESSAGE", `Expected ${expected}, got ${got}`);
}
