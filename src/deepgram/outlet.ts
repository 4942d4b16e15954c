/**
 * Where the messages of a live socket go: to the client, or what is final to a URL of its own.
 */
import type { WebSocket } from "ws";
import type { Counters } from "../base/counters.ts";
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Metadata, ServerMessage } from "./server-message.ts";

export interface OutletOptions {
  socket: Pick<WebSocket, "send" | "readyState" | "OPEN" | "bufferedAmount">;
  /** Keeps a body for the client's URL; null: there is none. */
  callback: ((body: string) => void) | null;
  log: Logger;
  counters: Counters;
}

/** While more than this waits to be sent, interim results are left out; for how long it may is the socket's limit. */
const HIGH_WATER_BYTES = 256 * 1024;

export class Outlet {
  readonly #options: OutletOptions;
  #ended = false;
  /** Once something was not kept for the URL the rest goes to the socket: the URL gets no row with holes. */
  #refused = false;
  /** Told when that begins; never within a call of this outlet. */
  onRefused: () => void = () => {};

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  /** Whether more waits to be sent than the client should have to read. */
  get full(): boolean {
    return this.#options.socket.bufferedAmount > HIGH_WATER_BYTES;
  }

  /** Whether what is final goes to a URL, which can be told also when the socket is gone. */
  get away(): boolean {
    return this.#options.callback !== null;
  }

  /** @param isNeeded - The client has to get it, however slowly it reads. */
  tell(message: ServerMessage, isNeeded: boolean): void {
    if (this.#ended) return;
    if (!isNeeded && this.full) this.#options.counters.add(`deepgram.live.leftOut.${message.type}`);
    else if (message.type === "Results" && message.is_final) this.#deliver(message);
    else this.#send(message);
  }

  /** The last message; nothing is told after it. */
  end(metadata: Metadata): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deliver(metadata);
  }

  #deliver(message: ServerMessage): void {
    const { callback, log, counters } = this.#options;
    if (callback === null || this.#refused) {
      this.#send(message);
      return;
    }
    try {
      callback(JSON.stringify(message));
    } catch (error) {
      // Better here than nowhere.
      this.#refused = true;
      queueMicrotask(() => this.onRefused());
      counters.add("deepgram.live.callbacksRefused");
      log.error({ reason: messageOf(error) }, "a result was not kept for its callback");
      this.#send(message);
    }
  }

  #send(message: ServerMessage): void {
    const { socket } = this.#options;
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  }
}
