/**
 * One socket of a session: its messages into the session, the session's events out, and when it has to close.
 *
 * Whatever ends a session ends it with its finals: they are sent, then `end`, then an error if there is one, and only
 * then the socket closes.
 */
import type { RawData, WebSocket } from "ws";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { AttachedClient, ResumableSession, ResumableSessions } from "../session/resumable.ts";
import type { SessionEndReason } from "../session/session-options.ts";
import type { CallEndReason, CallEvent } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import { Acks } from "./acks.ts";
import type { SocketLimits } from "./deadlines.ts";
import { EventFeed, outgoingOf } from "./feed.ts";
import { Intake } from "./intake.ts";
import { limitWarning, messageOfPartial, parseClientMessage, type ServerMessage } from "./message.ts";
import { CLOSE_GOING_AWAY, CLOSE_NORMAL, closeCodeOf, hasLeft } from "./refusal.ts";
import { SocketWatch, type WatchAction } from "./socket-watch.ts";

export interface ConnectionOptions {
  resumable: ResumableSession;
  sessions: ResumableSessions;
  /** Sequence of the last event that the client has. */
  after: number;
  /** The first message. */
  greeting: ServerMessage;
  limits: SocketLimits;
  /** Monotonic ms. */
  monotonic: () => number;
  /** Runs a task at an interval until the returned function is called. */
  every: (intervalMs: number, task: () => void) => () => void;
  log: Logger;
  counters: Counters;
}

export class Connection implements AttachedClient {
  readonly #socket: WebSocket;
  readonly #options: ConnectionOptions;
  readonly #watch: SocketWatch;
  readonly #feed: EventFeed;
  readonly #acks: Acks;
  readonly #intake: Intake;
  /** Why the socket is to close once everything was sent; undefined while it goes on. */
  #closing: LinescribeError | null | undefined;
  #displaced = false;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    // First of all: an oversized frame is an 'error', and without a listener an uncaught exception.
    socket.on("error", (error) => this.#broken(error));
    this.#socket = socket;
    this.#options = options;
    const { resumable, monotonic, counters } = options;
    const { session } = resumable;
    this.#watch = new SocketWatch(socket, {
      ...options,
      deadlineAt: resumable.deadlineAt,
      onLost: () => counters.add("sockets.lost"),
    });
    this.#feed = new EventFeed({
      outgoing: outgoingOf(socket),
      after: Math.min(options.after, resumable.lastSequence),
      events: (after, limit) => session.events(after, limit),
      fullTranscript: (sequence) => resumable.transcript.upTo(sequence),
      onEnd: (reason) => this.#told(reason),
      onFailure: (error) => this.#failed(error),
      counters,
    });
    this.#acks = new Acks(session, monotonic);
    this.#intake = new Intake({ ...options, socket, session });
    this.#open();
  }

  #open(): void {
    const { resumable, greeting } = this.#options;
    const socket = this.#socket;
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("ping", () => this.#intake.message());
    socket.once("close", (code) => this.#onClose(code));
    this.#send(greeting);
    resumable.attach(this);
    this.#feed.pump();
    // Whoever has the last event already is not told of it again, nor can anybody be whose session was deleted.
    if (resumable.endReason !== null && this.#feed.nothingLeft) {
      this.#closing ??= null;
      this.#intake.stop();
      this.#told(resumable.endReason);
    }
  }

  onEvent(event: CallEvent): void {
    this.#feed.event(event);
  }

  onPartial(partial: TrackPartial): void {
    if (this.#isOpen) this.#feed.tell(messageOfPartial(partial));
  }

  displaced(): void {
    this.#displaced = true;
    this.#refuse(new LinescribeError("SESSION_TAKEN_OVER", "The session was resumed by another socket"));
  }

  /** The client may not go on: its session ends with its finals, then the socket closes. */
  end(error: LinescribeError): void {
    this.#end("stream_closed", error);
  }

  /** Closes the socket when its session's end was told, or now; resolves when it is gone. */
  shut(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.readyState === this.#socket.CLOSED) return resolve();
      this.#socket.once("close", () => resolve());
      if (this.#isOpen) this.#refuse(draining());
      else this.#socket.close(CLOSE_GOING_AWAY);
    });
  }

  /** Does what is due by the clock. */
  sweep(): void {
    if (!this.#isOpen) return;
    const state = {
      held: this.#intake.held,
      closing: this.#closing !== undefined,
      full: this.#feed.full,
    };
    this.#sendAck();
    this.#act(this.#watch.due(state));
  }

  #act(action: WatchAction): void {
    const { limits } = this.#options;
    switch (action) {
      case "limit":
        this.end(new LinescribeError("SESSION_LIMIT", "The session has reached its longest duration"));
        break;
      case "warning":
        this.#send(limitWarning(Math.max(0, Math.round(this.#watch.remainingMs))));
        break;
      case "slow_reader":
        this.#refuse(new LinescribeError("SOCKET_SLOW_READER", "The client does not read what it is sent"));
        this.#socket.terminate();
        break;
      case "idle":
        this.end(new LinescribeError("SOCKET_IDLE", `Expected a message within ${limits.idleMs} ms`));
    }
  }

  get #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    this.#intake.message();
    if (this.#closing !== undefined || this.#displaced) return;
    this.#watch.active();
    const bytes = data as Buffer;
    try {
      if (isBinary) this.#audio(bytes);
      else this.#command(bytes.toString());
    } catch (error) {
      if (error instanceof LinescribeError) this.end(error);
      else this.#failed(error);
    }
  }

  #audio(bytes: Buffer): void {
    if (bytes.length === 0) {
      this.#finish();
      return;
    }
    this.#intake.take(bytes);
    if (this.#acks.due) this.#sendAck();
  }

  #command(text: string): void {
    const { type } = parseClientMessage(text);
    if (type === "finish") this.#finish();
    else if (type === "flush") void this.#options.resumable.session.flush();
  }

  #finish(): void {
    const { restBytes } = this.#options.resumable.session;
    const message = `The audio ended with ${restBytes} bytes of a sample that has more`;
    const cut = restBytes > 0 ? new LinescribeError("SESSION_CUT_SAMPLE", message) : null;
    this.#end("stream_stopped", cut);
  }

  #end(reason: SessionEndReason, error: LinescribeError | null): void {
    if (this.#closing !== undefined) return;
    this.#closing = error;
    this.#sendAck();
    // What comes from now on is read and left: the client's answer to our close is behind it.
    this.#intake.stop();
    void this.#options.resumable.session.end(reason);
  }

  /** The client was told everything, and the socket closes with the reason that there was. */
  #told(reason: CallEndReason): void {
    if (this.#closing) this.#refuse(this.#closing);
    else if (reason !== "shutdown") this.#socket.close(CLOSE_NORMAL);
    else this.#refuse(draining());
  }

  #refuse(error: LinescribeError): void {
    const { counters, log } = this.#options;
    counters.add(`sockets.closed.${error.code}`);
    log.info({ code: error.code }, "socket closed");
    this.#send({ type: "error", code: error.code, message: error.message });
    this.#socket.close(closeCodeOf(error), error.code);
  }

  /** A fault of ours: it must not take other sessions along. */
  #failed(error: unknown): void {
    this.#options.log.error({ reason: messageOf(error) }, "a socket failed");
    this.#closing = new LinescribeError("SOCKET_FAILED", "The server failed");
    this.#refuse(this.#closing);
    void this.#options.resumable.session.end("stream_closed");
  }

  /** The client broke the protocol; the library has told it and closes. */
  #broken(error: Error): void {
    const { counters, log, resumable } = this.#options;
    counters.add("sockets.broken");
    log.info({ error: error.message }, "socket broke the protocol");
    this.#closing ??= null;
    this.#intake.stop();
    void resumable.session.end("stream_closed");
  }

  #send(message: ServerMessage): void {
    if (this.#isOpen) this.#socket.send(JSON.stringify(message));
  }

  #sendAck(): void {
    const samples = this.#acks.take();
    if (samples !== null && this.#isOpen) this.#feed.tell({ type: "ack", samples });
  }

  #onClose(code: number): void {
    const { sessions, resumable, log } = this.#options;
    this.#intake.stop();
    log.info({ closeCode: code }, "socket gone");
    if (this.#displaced) return;
    sessions.detach(resumable, this);
    if (hasLeft(code, this.#feed.ended)) sessions.forget(resumable);
  }
}

function draining(): LinescribeError {
  return new LinescribeError("SERVER_DRAINING", "The server is shutting down");
}
