/**
 * What one client is still to be told of the events of its session.
 *
 * Events are read from the store when the client has fallen behind, so that nothing is kept for one that does not read;
 * what can be told again later, or need not be told, is left out then.
 */
import type { WebSocket } from "ws";
import type { Counters } from "../base/counters.ts";
import type { CallEndReason, CallEvent } from "../transcript/event.ts";
import { messageOfEvent, type ServerMessage } from "./message.ts";

/** The sending side of a socket. */
export interface Outgoing {
  /** Bytes that wait to be sent. */
  readonly bufferedBytes: number;
  /** @param onSent - Called when it was handed to the network, or never will be. */
  send(text: string, onSent: () => void): void;
}

export function outgoingOf(socket: WebSocket): Outgoing {
  return {
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send: (text, onSent) => socket.send(text, onSent),
  };
}

export interface FeedOptions {
  outgoing: Outgoing;
  /** Sequence of the last event that the client has. */
  after: number;
  events: (after: number, limit: number) => CallEvent[];
  /** Everything said up to an event. */
  fullTranscript: (sequence: number) => string;
  /** The last event of the session was sent, which is why it ended. */
  onEnd: (reason: CallEndReason) => void;
  /** Events could not be read; nothing more is sent. */
  onFailure: (error: unknown) => void;
  counters: Counters;
}

/** While more than this waits to be sent, events wait in the store and partials are left out. */
const HIGH_WATER_BYTES = 256 * 1024;
/** Events read from the store at once. */
const PAGE = 20;

export class EventFeed {
  readonly #options: FeedOptions;
  /** Sequence of the last event that was sent. */
  #sent: number;
  /** Whether events may be in the store that were not sent. */
  #behind = true;
  #ended = false;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#sent = options.after;
  }

  /** Whether the last event of the session was sent. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the store has no more to send, and the session's last event was not among what was sent here. */
  get nothingLeft(): boolean {
    return !this.#ended && !this.#behind;
  }

  /** Whether more waits to be sent than the client should have to read. */
  get full(): boolean {
    return this.#options.outgoing.bufferedBytes > HIGH_WATER_BYTES;
  }

  /** An event was committed. */
  event(event: CallEvent): void {
    if (this.#behind || this.full || event.sequence !== this.#sent + 1) {
      this.#behind = true;
      this.pump();
    } else this.#sendEvent(event);
  }

  /** Sends what the client has missed, as far as it reads. */
  pump(): void {
    try {
      while (this.#behind && !this.full && !this.#ended) this.#sendPage();
    } catch (error) {
      this.#behind = false;
      this.#options.onFailure(error);
    }
  }

  /** A message that is not worth waiting for; left out while too much waits. */
  tell(message: ServerMessage): void {
    if (this.full) this.#options.counters.add(`sockets.leftOut.${message.type}`);
    else this.#send(message);
  }

  #sendPage(): void {
    const page = this.#options.events(this.#sent, PAGE);
    if (page.length === 0) this.#behind = false;
    for (const event of page) if (!this.full) this.#sendEvent(event);
  }

  #sendEvent(event: CallEvent): void {
    const { fullTranscript, onEnd } = this.#options;
    this.#sent = event.sequence;
    const message = messageOfEvent(event, () => fullTranscript(event.sequence));
    if (message !== null) this.#send(message);
    if (event.type !== "call.ended") return;
    this.#ended = true;
    onEnd(event.reason);
  }

  #send(message: ServerMessage): void {
    this.#options.outgoing.send(JSON.stringify(message), () => {
      if (this.#behind) this.pump();
    });
  }
}
