/**
 * One media socket: carries messages into the stream's state machine and its effects out to the sink.
 */
import type { RawData, WebSocket } from "ws";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { dueAction, type SocketLimits, type SocketTimes } from "./deadlines.ts";
import type { FinishedStreams } from "./finished.ts";
import type { MediaSink, StreamInfo, TelephonyPort } from "./port.ts";
import { CLOSE_NORMAL, closeCodeOf } from "./refusal.ts";
import { MediaStream, type StreamEffect } from "./stream.ts";
import type { StreamTokens } from "./token.ts";

/** Faults of one stream that are logged; the rest is counted. */
const FAULTS_LOGGED = 3;

export interface MediaConnectionOptions {
  port: TelephonyPort;
  tokens: StreamTokens;
  finished: FinishedStreams;
  limits: SocketLimits;
  log: Logger;
  counters: Counters;
  now: () => number;
  monotonic: () => number;
  onAuthenticated: () => void;
}

export class MediaConnection {
  readonly #socket: WebSocket;
  readonly #options: MediaConnectionOptions;
  readonly #stream: MediaStream;
  readonly #times: SocketTimes;
  #log: Logger;
  #info: StreamInfo | null = null;
  #sink: MediaSink | null = null;
  #faults = 0;

  constructor(socket: WebSocket, options: MediaConnectionOptions) {
    // First of all: an oversized frame is an 'error', and without a listener an uncaught exception.
    socket.on("error", (error) => this.#onError(error));
    this.#socket = socket;
    this.#options = options;
    this.#log = options.log;
    const openedAt = options.monotonic();
    this.#times = {
      openedAt,
      lastMessageAt: openedAt,
      lastPingAt: openedAt,
      unanswered: 0,
      streaming: false,
    };
    this.#stream = new MediaStream({
      redeem: (callSid, token) => options.tokens.redeem(callSid, token),
      now: options.now,
      counters: options.counters,
    });
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("pong", () => {
      this.#times.unanswered = 0;
    });
    socket.once("close", (code) => this.#onClose(code));
  }

  /** The call whose stream is open here, or null. */
  get callSid(): string | null {
    return this.#sink === null ? null : (this.#info?.callSid ?? null);
  }

  /** Ends the stream on purpose: what follows it in the TwiML goes on. */
  finish(): void {
    if (this.#info !== null) this.#options.finished.add(this.#info.callSid);
    this.#socket.close(CLOSE_NORMAL);
  }

  /** Closes the socket and resolves when it is gone; the stream counts as broken off. */
  shut(code: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.readyState === this.#socket.CLOSED) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.close(code);
    });
  }

  /** Does what is due by the clock. */
  sweep(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const { limits, monotonic } = this.#options;
    const now = monotonic();
    switch (dueAction(this.#times, limits, now)) {
      case "start_timeout":
        this.#refuse(
          new LinescribeError("STREAM_START_TIMEOUT", `Expected a start within ${limits.startMs} ms`),
        );
        break;
      case "idle":
        this.#refuse(new LinescribeError("STREAM_IDLE", `Expected a message within ${limits.idleMs} ms`));
        break;
      case "duration":
        this.#log.info({ durationMs: limits.durationMs }, "media stream reached its longest duration");
        this.finish();
        break;
      case "lost":
        this.#log.warn({ unanswered: this.#times.unanswered }, "media socket answers no ping");
        this.#socket.terminate();
        break;
      case "ping":
        this.#times.lastPingAt = now;
        this.#times.unanswered += 1;
        this.#socket.ping();
    }
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#times.lastMessageAt = this.#options.monotonic();
    this.#options.counters.add("media.messages");
    try {
      this.#run(isBinary ? this.#stream.receiveBinary() : this.#stream.receive(data.toString()));
    } catch (error) {
      // A fault of ours must not take the other calls along.
      this.#log.error({ error: messageOf(error) }, "media message failed");
      this.#socket.close(closeCodeOf(null));
    }
  }

  #run(effect: StreamEffect): void {
    switch (effect?.kind) {
      case "packet":
        this.#sink?.packet(effect.track, effect.timestampMs, effect.mulaw);
        break;
      case "dtmf":
        this.#sink?.dtmf(effect.track, effect.digit);
        break;
      case "open":
        this.#open(effect.stream);
        break;
      case "end":
        this.#end(effect.reason);
        break;
      case "fault":
        this.#leaveOut(effect.error);
        break;
      case "refuse":
        this.#refuse(effect.error);
    }
  }

  #open(stream: StreamInfo): void {
    const { port, finished, log, onAuthenticated } = this.#options;
    this.#times.streaming = true;
    this.#info = stream;
    this.#log = log.child({ callSid: stream.callSid, streamSid: stream.streamSid });
    onAuthenticated();
    this.#sink = port.openStream(stream);
    if (this.#sink === null) {
      this.#refuse(new LinescribeError("STREAM_UNEXPECTED", "The call is unknown or has ended"));
      return;
    }
    finished.delete(stream.callSid);
    this.#log.info({ tracks: stream.tracks }, "media stream opened");
  }

  #end(reason: "stream_stopped" | "stream_closed"): void {
    const sink = this.#sink;
    this.#sink = null;
    if (reason === "stream_stopped") this.finish();
    sink?.end(reason);
  }

  #leaveOut(error: LinescribeError): void {
    this.#faults += 1;
    if (this.#faults > FAULTS_LOGGED) return;
    this.#log.warn({ code: error.code, error: error.message }, "media message left out");
  }

  #refuse(error: LinescribeError): void {
    this.#options.counters.add(`media.closed.${error.code}`);
    this.#log.warn({ code: error.code, error: error.message }, "media socket closed");
    this.#socket.close(closeCodeOf(error), error.code);
  }

  #onError(error: Error): void {
    this.#options.counters.add("media.errors");
    this.#log.warn({ code: "STREAM_BAD_MESSAGE", error: error.message }, "media socket broke the protocol");
  }

  #onClose(code: number): void {
    try {
      this.#run(this.#stream.closed());
    } catch (error) {
      this.#log.error({ error: messageOf(error) }, "the end of a media stream failed");
    }
    this.#log.info({ closeCode: code }, "media socket closed");
  }
}
