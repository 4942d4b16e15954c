/**
 * One live socket: its frames into a session, what the session hears out as results, and when it has to close.
 *
 * Whatever ends it, the finals are told, then an error if there is one, then `Metadata`, and only then the socket closes.
 */
import { createHash } from "node:crypto";
import type { RawData, WebSocket } from "ws";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Session } from "../session/session.ts";
import type { SessionEndReason, SessionListener } from "../session/session-options.ts";
import type { ToldUtterance } from "../session/speech-track.ts";
import { Intake } from "../sockets/intake.ts";
import type { LiveSocket } from "../sockets/socket-desk.ts";
import { SocketWatch, type WatchAction } from "../sockets/socket-watch.ts";
import type { CallEndReason, CallEvent, Track } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import { Channels } from "./channels.ts";
import { parseClientMessage } from "./client-message.ts";
import { closeOf } from "./close.ts";
import { LiveAudio } from "./live-audio.ts";
import type { LiveConnectionOptions } from "./live-options.ts";
import type { RawFormat } from "./options.ts";
import { limitWarning, metadataOf, problemOf } from "./server-message.ts";

/** A close frame has 125 bytes: two for the code. */
const REASON_MAXIMUM_BYTES = 123;

export class LiveConnection implements LiveSocket, SessionListener {
  readonly #socket: WebSocket;
  readonly #options: LiveConnectionOptions;
  readonly #watch: SocketWatch;
  readonly #audio: LiveAudio;
  readonly #intake: Intake;
  readonly #sha256 = createHash("sha256");
  readonly #created: string;
  readonly #channels: Channels;
  /** Whether any audio came: until then nothing else counts as activity. */
  #heard = false;
  /** Why the socket is to close once everything was sent; undefined while it goes on. */
  #closing: LinescribeError | null | undefined;
  #toldError = false;

  /** @throws {LinescribeError} as `Sessions.open` does. */
  constructor(socket: WebSocket, options: LiveConnectionOptions) {
    // First of all: an oversized frame is an 'error', and without a listener an uncaught exception.
    socket.on("error", (error) => this.#broken(error));
    this.#socket = socket;
    this.#options = options;
    options.outlet.onRefused = () => this.end(notKept());
    const { asked, now, counters } = options;
    this.#created = new Date(now()).toISOString();
    this.#watch = new SocketWatch(socket, { ...options, onLost: () => counters.add("deepgram.live.lost") });
    this.#channels = new Channels(options);
    this.#audio = new LiveAudio(asked.format, (format) => this.#open(format));
    this.#intake = new Intake({ ...options, socket, session: this.#audio });
    socket.on("message", (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    socket.on("ping", () => this.#intake.message());
    socket.once("close", (code) => this.#onClose(code));
  }

  onEvent(event: CallEvent): void {
    if (event.type === "call.ended") this.#ended(event.reason);
    else this.#channels.event(event);
  }

  onPartial(partial: TrackPartial): void {
    this.#channels.of(partial.track).partial(partial);
  }

  onSpeechStarted(startMs: number, track: Track): void {
    this.#channels.of(track).speechStarted(startMs);
  }

  onUtterance(utterance: ToldUtterance & { track: Track }): void {
    this.#channels.of(utterance.track).utterance(utterance);
    this.#channels.settled(this.#audio);
  }

  end(error: LinescribeError): void {
    this.#end("stream_closed", error);
  }

  shut(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.readyState === this.#socket.CLOSED) return resolve();
      this.#socket.once("close", () => resolve());
      this.#closing ??= draining();
      this.#leave(this.#closing);
    });
  }

  /** The socket waits no longer for its session, but a callback's Metadata does: the last finals come before it. */
  #leave(error: LinescribeError): void {
    const { session } = this.#audio;
    if (session === null || !this.#options.outlet.away) {
      this.#ended("shutdown");
      return;
    }
    this.#tellError(error);
    this.#shutSocket(error);
    void session.end("shutdown");
  }

  sweep(): void {
    if (!this.#isOpen) return;
    const state = {
      held: this.#intake.held,
      closing: this.#closing !== undefined,
      full: this.#options.outlet.full,
    };
    this.#channels.settled(this.#audio);
    this.#act(this.#watch.due(state));
  }

  #act(action: WatchAction): void {
    const { limits, outlet } = this.#options;
    switch (action) {
      case "limit":
        this.end(new LinescribeError("SESSION_LIMIT", "The stream has reached its longest duration"));
        break;
      case "warning":
        outlet.tell(limitWarning(this.#watch.remainingMs), false);
        break;
      case "slow_reader":
        // By the end of its session, so that a callback gets the last finals before Metadata.
        this.end(new LinescribeError("SOCKET_SLOW_READER", "The client does not read what it is sent"));
        this.#socket.terminate();
        break;
      case "idle":
        this.end(
          new LinescribeError(
            "SOCKET_IDLE",
            `No audio, or no KeepAlive after it, within ${limits.idleMs} ms`,
          ),
        );
    }
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #open(format: RawFormat): Session {
    const { asked, open } = this.#options;
    this.#channels.open(asked.multichannel ? format.channels : 1);
    return open(format, this);
  }

  #onMessage(bytes: RawData & Buffer, isBinary: boolean): void {
    this.#intake.message();
    if (this.#closing !== undefined) return;
    try {
      if (isBinary) this.#samples(bytes);
      else this.#command(bytes.toString());
      if (this.#heard) this.#watch.active();
    } catch (error) {
      if (error instanceof LinescribeError) this.end(error);
      else this.#failed(error);
    }
  }

  #samples(bytes: Buffer): void {
    // Old clients closed with an empty frame, new ones send none; it is no audio.
    if (bytes.length === 0) return;
    this.#heard = true;
    this.#sha256.update(bytes);
    this.#intake.take(bytes);
    this.#channels.settled(this.#audio);
  }

  #command(text: string): void {
    const message = parseClientMessage(text, this.#channels.count);
    if (message.type === "Finalize") void this.#channels.finalize(this.#audio, message.channel);
    else if (message.type === "CloseStream") this.#finish();
  }

  #finish(): void {
    const { restBytes } = this.#audio;
    const message = `The audio ended with ${restBytes} bytes of a sample that has more`;
    this.#end("stream_stopped", restBytes > 0 ? new LinescribeError("SESSION_CUT_SAMPLE", message) : null);
  }

  #end(reason: SessionEndReason, error: LinescribeError | null): void {
    if (this.#closing !== undefined) return;
    this.#closing = error;
    // What comes from now on is read and left: the client's answer to our close is behind it.
    this.#intake.stop();
    const { session } = this.#audio;
    if (session === null) this.#ended(reason);
    else void session.end(reason);
  }

  /** Everything that was said was told: the rest is told, and the socket closes with the reason that there was. */
  #ended(reason: CallEndReason): void {
    this.#channels.rest();
    this.#close(this.#closing ?? (reason === "shutdown" ? draining() : null));
  }

  #close(error: LinescribeError | null): void {
    if (error !== null) this.#tellError(error);
    this.#tellMetadata();
    this.#shutSocket(error);
  }

  #tellError(error: LinescribeError): void {
    if (this.#toldError) return;
    this.#toldError = true;
    const { outlet, log, counters } = this.#options;
    counters.add(`deepgram.live.closed.${error.code}`);
    log.info({ code: error.code }, "live socket closed");
    outlet.tell(problemOf(closeOf(error).variant, error.message), true);
  }

  #shutSocket(error: LinescribeError | null): void {
    const { code, variant } = error === null ? { code: 1000, variant: "" } : closeOf(error);
    if (this.#isOpen)
      this.#socket.close(code, error === null ? "" : inReason(`${variant}: ${error.message}`));
  }

  #tellMetadata(): void {
    const { outlet, asked, facts } = this.#options;
    const sha256 = this.#sha256.copy().digest("hex");
    const { receivedMs: durationMs } = this.#audio;
    const heard = { sha256, created: this.#created, durationMs };
    outlet.end(metadataOf(asked, { ...facts, channels: this.#channels.count }, heard));
  }

  /** A fault of ours: it must not take other sessions along. */
  #failed(error: unknown): void {
    this.#options.log.error({ reason: messageOf(error) }, "a live socket failed");
    this.end(new LinescribeError("SOCKET_FAILED", "The server failed"));
  }

  /** The client broke the protocol; the library has told it and closes. */
  #broken(error: Error): void {
    this.#options.counters.add("deepgram.live.broken");
    this.#options.log.info({ error: error.message }, "live socket broke the protocol");
    this.#end("stream_closed", null);
  }

  #onClose(code: number): void {
    this.#options.log.info({ closeCode: code }, "live socket gone");
    this.#end("stream_closed", null);
  }
}

function draining(): LinescribeError {
  return new LinescribeError("SERVER_DRAINING", "The server is shutting down");
}

function notKept(): LinescribeError {
  return new LinescribeError("DELIVERY_OVERLOADED", "A result could not be kept for its callback");
}

/** As much of a text as a close frame takes; ours are ASCII. */
function inReason(text: string): string {
  return text.slice(0, REASON_MAXIMUM_BYTES);
}
