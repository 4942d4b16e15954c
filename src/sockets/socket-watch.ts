/**
 * Watches one socket by the clock: pings it, ends one that is lost, and says what its protocol has to do.
 */
import type { WebSocket } from "ws";
import { type DueAction, dueAction, type SocketLimits, type SocketTimes, startTimes } from "./deadlines.ts";

/** What is left to the protocol, which has words for it. */
export type WatchAction = Exclude<DueAction, "lost" | "ping">;

export interface SocketWatchOptions {
  limits: SocketLimits;
  /** Monotonic ms. */
  monotonic: () => number;
  /** When the session has to end, monotonic ms. */
  deadlineAt: number;
  /** The client answers no pings; its socket is terminated behind this. */
  onLost: () => void;
}

/** How a socket stands when it is looked at. */
export interface SocketState {
  /** We read nothing from it. */
  held: boolean;
  /** Its session ends. */
  closing: boolean;
  /** More waits to be sent than the client should have to read. */
  full: boolean;
}

export class SocketWatch {
  readonly #socket: WebSocket;
  readonly #options: SocketWatchOptions;
  readonly #times: SocketTimes;

  constructor(socket: WebSocket, options: SocketWatchOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#times = startTimes(options.monotonic(), options.deadlineAt);
    socket.on("pong", () => {
      this.#times.unanswered = 0;
    });
  }

  /** Until the session has to end, ms. */
  get remainingMs(): number {
    return this.#options.deadlineAt - this.#options.monotonic();
  }

  /** The client did something. */
  active(): void {
    this.#times.lastMessageAt = this.#options.monotonic();
  }

  /** Does what is due by the clock, as far as every protocol does the same; returns the rest. */
  due({ held, closing, full }: SocketState): WatchAction {
    const { limits, monotonic, onLost } = this.#options;
    const [times, now] = [this.#times, monotonic()];
    times.held = held;
    times.closing = closing;
    if (held) times.lastMessageAt = now;
    times.unreadSince = full ? (times.unreadSince ?? now) : null;
    const action = dueAction(times, limits, now);
    switch (action) {
      case "lost":
        onLost();
        this.#socket.terminate();
        return null;
      case "ping":
        times.lastPingAt = now;
        times.unanswered += 1;
        this.#socket.ping();
        return null;
      case "warning":
        times.warned = true;
    }
    return action;
  }
}
