/**
 * Takes a client's audio no faster than it can be recognised: while too much is held, the socket is not read, and the
 * network makes the client wait.
 */
import type { WebSocket } from "ws";
import type { Counters } from "../base/counters.ts";
import type { Session } from "../session/session.ts";

export interface IntakeOptions {
  socket: Pick<WebSocket, "pause" | "resume">;
  session: Pick<Session, "push" | "lagMs">;
  /** Monotonic ms. */
  monotonic: () => number;
  /** Runs a task at an interval until the returned function is called. */
  every: (intervalMs: number, task: () => void) => () => void;
  counters: Counters;
}

/**
 * Audio that may be held before the socket is not read, and below which it is again, ms: more than an utterance of the
 * greatest length (20 s, a piece of fixed length 28 s), so that the recogniser has always one to work on.
 */
const HOLD_MS = 40_000;
const RELEASE_MS = 32_000;
const POLL_MS = 50;
/** Messages per second that are taken, and at once after a quiet time; audio in frames of 20 ms has 50. */
const MESSAGES_PER_SECOND = 1000;
const BURST_MESSAGES = 2000;

export class Intake {
  readonly #options: IntakeOptions;
  #messages = BURST_MESSAGES;
  #refilledAt: number;
  #stopPolling: (() => void) | null = null;
  #stopped = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#refilledAt = options.monotonic();
  }

  /** Whether the socket is not read at the moment. */
  get held(): boolean {
    return this.#stopPolling !== null;
  }

  /** A message came, whatever is in it. */
  message(): void {
    this.#messages -= 1;
    if (this.#messages > 0) return;
    this.#refill();
    if (this.#messages <= 0) this.#hold();
  }

  /** @throws {LinescribeError} see `Session.push`. */
  take(bytes: Uint8Array): void {
    const { session } = this.#options;
    session.push(bytes);
    if (session.lagMs > HOLD_MS) this.#hold();
  }

  /** Reads the socket from now on, whatever comes. */
  stop(): void {
    this.#stopped = true;
    this.#release();
  }

  #hold(): void {
    if (this.held || this.#stopped) return;
    const { socket, every, counters } = this.#options;
    counters.add("sockets.held");
    socket.pause();
    this.#stopPolling = every(POLL_MS, () => this.#poll());
  }

  #poll(): void {
    this.#refill();
    if (this.#options.session.lagMs <= RELEASE_MS && this.#messages > 0) this.#release();
  }

  #refill(): void {
    const now = this.#options.monotonic();
    const refill = ((now - this.#refilledAt) * MESSAGES_PER_SECOND) / 1000;
    this.#messages = Math.min(BURST_MESSAGES, this.#messages + refill);
    this.#refilledAt = now;
  }

  #release(): void {
    if (this.#stopPolling === null) return;
    this.#stopPolling();
    this.#stopPolling = null;
    this.#options.socket.resume();
  }
}
