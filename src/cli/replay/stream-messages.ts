/**
 * Writes the messages of one media stream: the carrier's exact shapes, numbers as strings.
 */
import { MULAW_SILENCE } from "../../audio/g711.ts";
import type { Track } from "../../transcript/event.ts";
import type { RecordedMessage } from "./recorded-call.ts";

export interface StreamIdentity {
  accountSid: string;
  callSid: string;
  streamSid: string;
  /** The tracks that the TwiML asked for. */
  tracks: readonly Track[];
  parameters: Record<string, string>;
  /** Keys are told on `connect` streams only. */
  mode: "start" | "connect";
}

type Media = Extract<RecordedMessage, { kind: "media" }>;

/** The first message after the start message. */
const FIRST_SEQUENCE = 2;

/**
 * A recording is one stream with all its tracks; the carrier sends what was asked for. Tracks that were not asked for
 * are left out, tracks that were not recorded are silent, and a stream that begins in mid-call counts from its own
 * start. Holes in the numbers stay where they are.
 */
export class StreamMessages {
  readonly #identity: StreamIdentity;
  readonly #silent: Track[];
  /** The recorded track whose packets give silent tracks their times. */
  readonly #lead: Track | undefined;
  readonly #offsetMs: number;
  /** What is added to recorded numbers; known with the first message. */
  #shift: number | undefined;
  readonly #chunkShift = new Map<Track, number>();
  #last = 1;

  /**
   * @param recorded - The tracks of the recording.
   * @param offsetMs - Stream time of the recording at which this stream begins.
   */
  constructor(identity: StreamIdentity, recorded: readonly Track[], offsetMs: number) {
    this.#identity = identity;
    this.#silent = identity.tracks.filter((track) => !recorded.includes(track));
    this.#lead = recorded[0];
    this.#offsetMs = offsetMs;
  }

  connected(): string {
    return JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" });
  }

  start(): string {
    const { accountSid, callSid, streamSid, tracks, parameters } = this.#identity;
    const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 };
    const start = { accountSid, streamSid, callSid, tracks, mediaFormat, customParameters: parameters };
    return JSON.stringify({ event: "start", sequenceNumber: "1", start, streamSid });
  }

  /** The messages that this stream carries for a recorded one: none, one, or one with silence beside it. */
  of(recorded: RecordedMessage): string[] {
    this.#shift ??= FIRST_SEQUENCE - recorded.sequence;
    const { mode, tracks } = this.#identity;
    const isCarried = recorded.kind === "dtmf" ? mode === "connect" : tracks.includes(recorded.track);
    const messages = isCarried ? [this.#write(recorded, recorded.sequence + this.#shift)] : [];
    if (!isCarried) this.#shift -= 1;
    if (recorded.kind === "media" && recorded.track === this.#lead) {
      for (const track of this.#silent) {
        this.#shift += 1;
        messages.push(this.#media(silenceLike(recorded, track), recorded.sequence + this.#shift));
      }
    }
    return messages;
  }

  stop(): string {
    const { accountSid, callSid, streamSid } = this.#identity;
    const sequenceNumber = String(this.#last + 1);
    return JSON.stringify({ event: "stop", sequenceNumber, stop: { accountSid, callSid }, streamSid });
  }

  #write(recorded: RecordedMessage, sequence: number): string {
    return recorded.kind === "media" ? this.#media(recorded, sequence) : this.#dtmf(recorded.digit, sequence);
  }

  #media({ track, chunk, timestampMs, payload }: Media, sequence: number): string {
    const shift = this.#chunkShift.get(track) ?? 1 - chunk;
    this.#chunkShift.set(track, shift);
    const media = {
      track,
      chunk: String(Math.max(1, chunk + shift)),
      timestamp: String(Math.max(0, timestampMs - this.#offsetMs)),
      payload,
    };
    const sequenceNumber = this.#number(sequence);
    return JSON.stringify({ event: "media", sequenceNumber, media, streamSid: this.#identity.streamSid });
  }

  #dtmf(digit: string, sequence: number): string {
    const dtmf = { track: "inbound_track", digit };
    const sequenceNumber = this.#number(sequence);
    return JSON.stringify({ event: "dtmf", streamSid: this.#identity.streamSid, sequenceNumber, dtmf });
  }

  #number(sequence: number): string {
    this.#last = Math.max(this.#last, sequence);
    return String(Math.max(FIRST_SEQUENCE, sequence));
  }
}

function silenceLike(packet: Media, track: Track): Media {
  const bytes = Buffer.byteLength(packet.payload, "base64");
  return { ...packet, track, payload: Buffer.alloc(bytes, MULAW_SILENCE).toString("base64") };
}
