/**
 * The state machine of one media stream, without I/O: a message goes in, at most one effect comes out.
 *
 * | state     | connected | start                  | media, dtmf, mark | stop   | malformed | unknown |
 * |-----------|-----------|------------------------|-------------------|--------|-----------|---------|
 * | awaiting  | -         | open, or refuse        | refuse            | refuse | refuse    | counted |
 * | streaming | fault     | fault                  | packet, dtmf, -   | end    | fault     | counted |
 * | ended     | -         | -                      | -                 | -      | -         | -       |
 *
 * A peer that has not proved itself is refused at its first fault. Within an authenticated stream a faulty message is
 * left out and counted, since the carrier would not dial again and the words that follow count more; a stream of
 * faults is refused.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Track } from "../transcript/event.ts";
import { type MediaMessage, parseMessage, type StartMessage } from "./message.ts";
import type { StreamInfo } from "./port.ts";
import { TOKEN_PARAMETER, type TokenFault } from "./token.ts";

/** Faulty messages that an authenticated stream may have; 50 is a second of sound. */
export const FAULTS_MAXIMUM = 50;
/** Messages before `start`: the carrier sends one. */
export const MESSAGES_BEFORE_START_MAXIMUM = 10;

export type StreamEffect =
  | { kind: "open"; stream: StreamInfo }
  | { kind: "packet"; track: Track; timestampMs: number; mulaw: Uint8Array }
  | { kind: "dtmf"; track: Track; digit: string }
  | { kind: "end"; reason: "stream_stopped" | "stream_closed" }
  /** The message was left out. */
  | { kind: "fault"; error: LinescribeError }
  /** The socket must be closed; `end` follows from `closed()` when the stream was open. */
  | { kind: "refuse"; error: LinescribeError }
  | null;

export interface MediaStreamOptions {
  /** Uses up the token of a call; null when it was good. */
  redeem: (callSid: string, token: string | undefined) => TokenFault | null;
  /** Unix ms. */
  now: () => number;
  counters: Counters;
}

export class MediaStream {
  readonly #options: MediaStreamOptions;
  #state: "awaiting" | "streaming" | "ended" = "awaiting";
  #owesEnd = false;
  #start: StartMessage | null = null;
  #lastSequence: number | null = null;
  #messages = 0;
  #faults = 0;

  constructor(options: MediaStreamOptions) {
    this.#options = options;
  }

  get state(): "awaiting" | "streaming" | "ended" {
    return this.#state;
  }

  /** Takes a text message as it came from the socket. */
  receive(text: string): StreamEffect {
    if (this.#state === "ended") return this.#count("stream.messages.late");
    if (this.#state === "awaiting" && ++this.#messages > MESSAGES_BEFORE_START_MAXIMUM) {
      return this.#fault(unexpected(`more than ${MESSAGES_BEFORE_START_MAXIMUM} messages before start`));
    }
    let message: MediaMessage;
    try {
      message = parseMessage(text);
    } catch (error) {
      if (error instanceof LinescribeError) return this.#fault(error);
      throw error;
    }
    return this.#take(message);
  }

  /** Takes a binary message, of which the carrier sends none. */
  receiveBinary(): StreamEffect {
    if (this.#state === "ended") return null;
    return this.#fault(
      new LinescribeError("STREAM_BAD_MESSAGE", "Expected a text message, got a binary one"),
    );
  }

  /** The socket has closed, whoever closed it. */
  closed(): StreamEffect {
    this.#state = "ended";
    return this.#end("stream_closed");
  }

  #take(message: MediaMessage): StreamEffect {
    if (message.event === "unknown") return this.#count("stream.messages.unknown");
    if (message.event === "start") return this.#open(message);
    if (message.event === "connected") {
      return this.#state === "awaiting" ? null : this.#fault(unexpected("connected within a stream"));
    }
    if (this.#start === null) return this.#fault(unexpected(`${message.event} before start`));
    if (message.streamSid !== null && message.streamSid !== this.#start.streamSid) {
      return this.#fault(unexpected(`${message.event} of another stream`));
    }
    this.#follow(message.sequenceNumber);
    switch (message.event) {
      case "media":
        if (!this.#start.tracks.includes(message.track)) {
          return this.#fault(unexpected(`media of track ${message.track}, which start did not announce`));
        }
        if (message.mulaw.length === 0) return this.#count("stream.packets.empty");
        return {
          kind: "packet",
          track: message.track,
          timestampMs: message.timestampMs,
          mulaw: message.mulaw,
        };
      case "dtmf":
        return { kind: "dtmf", track: message.track, digit: message.digit };
      case "mark":
        return this.#count("stream.messages.mark");
      case "stop":
        this.#state = "ended";
        return this.#end("stream_stopped");
    }
  }

  /** Nothing is allocated before the token has proved that the stream is of a call of ours. */
  #open(start: StartMessage): StreamEffect {
    if (this.#start !== null) return this.#fault(unexpected("a second start"));
    const { encoding, sampleRateHz, channels } = start.mediaFormat;
    if (encoding !== "audio/x-mulaw" || sampleRateHz !== 8000 || channels !== 1) {
      return this.#fault(
        new LinescribeError(
          "STREAM_UNSUPPORTED_MEDIA",
          `Expected audio/x-mulaw at 8000 Hz with 1 channel, got ${printable(encoding)} at ${sampleRateHz} Hz with ${channels}`,
        ),
      );
    }
    const { [TOKEN_PARAMETER]: token, ...parameters } = start.parameters;
    const fault = this.#options.redeem(start.callSid, token);
    if (fault !== null) {
      this.#options.counters.add(`stream.token.${fault}`);
      return this.#fault(new LinescribeError("STREAM_BAD_TOKEN", `The stream token is ${fault}`));
    }
    this.#state = "streaming";
    this.#owesEnd = true;
    this.#start = start;
    this.#lastSequence = start.sequenceNumber;
    const { callSid, streamSid, accountSid, tracks } = start;
    const startedAt = this.#options.now();
    return { kind: "open", stream: { callSid, streamSid, accountSid, tracks, parameters, startedAt } };
  }

  /** Sequence numbers serve statistics only: packets are placed by their timestamp. */
  #follow(sequenceNumber: number | null): void {
    const last = this.#lastSequence;
    if (sequenceNumber === null) return;
    if (last !== null && sequenceNumber <= last) {
      this.#options.counters.add("stream.sequence.repeated");
      return;
    }
    if (last !== null && sequenceNumber > last + 1) {
      this.#options.counters.add("stream.sequence.missing", sequenceNumber - last - 1);
    }
    this.#lastSequence = sequenceNumber;
  }

  #fault(error: LinescribeError): StreamEffect {
    this.#options.counters.add("stream.messages.faulty");
    if (this.#state === "streaming" && ++this.#faults <= FAULTS_MAXIMUM) return { kind: "fault", error };
    this.#state = "ended";
    return { kind: "refuse", error };
  }

  /** An open stream ends once. */
  #end(reason: "stream_stopped" | "stream_closed"): StreamEffect {
    if (!this.#owesEnd) return null;
    this.#owesEnd = false;
    return { kind: "end", reason };
  }

  #count(name: string): null {
    this.#options.counters.add(name);
    return null;
  }
}

function unexpected(what: string): LinescribeError {
  return new LinescribeError("STREAM_UNEXPECTED", `Unexpected: ${what}`);
}

/** What a peer calls its encoding goes into a log. */
function printable(text: string): string {
  return text.replace(/[^\w./;=-]/g, "?");
}
