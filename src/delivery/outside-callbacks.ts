/**
 * Callbacks that callers of the API ask for: a URL is checked before it is accepted, a result is durable before anybody is
 * told that it will come, and how much may wait is bounded.
 */
import { setTimeout } from "node:timers/promises";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Fetcher } from "../fetch/fetcher.ts";
import type { CallbackBounds, Callbacks, NewCallback } from "../store/callbacks.ts";
import { DEFAULT_OUTSIDE_SCHEDULE, type OutsideSchedule } from "./outside-attempt.ts";
import { OutsideSender } from "./outside-sender.ts";

export interface OutsideCallbacksOptions {
  callbacks: Callbacks;
  fetcher: Fetcher;
  logger: Logger;
  /** Receives `callbacks.accepted|refused`, `store.retries` and what `OutsideSender` counts. */
  counters: Counters;
  /** Wall clock, epoch ms. */
  now?: () => number;
  schedule?: Partial<OutsideSchedule>;
  bounds?: Partial<CallbackBounds>;
  /** Attempts at once, default 16. */
  concurrency?: number;
  /** Attempts at once at one scheme, host and port, default 4. */
  concurrencyPerOrigin?: number;
  /** How long what was given up can be listed, ms, default 7 days. */
  keepDeadMs?: number;
  /** Waits between tries to keep a result, at most until the signal; by default on the clock. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const MEGABYTE = 1024 * 1024;
export const DEFAULT_CALLBACK_BOUNDS: Readonly<CallbackBounds> = Object.freeze({
  rows: 5000,
  rowsPerKey: 1000,
  bytes: 256 * MEGABYTE,
  bytesPerKey: 64 * MEGABYTE,
});
/** Bytes of one body: the words of ten hours are 10 MB. */
const BODY_MAXIMUM_BYTES = 16 * MEGABYTE;
const KEEP_DEAD_MS = 7 * 24 * 3600 * 1000;
/** Between tries to keep a result that the store does not take. */
const FIRST_WAIT_MS = 100;
const MAXIMUM_WAIT_MS = 5000;

/** A callback whose result is not there yet. */
export interface PromisedCallback {
  /**
   * Sends the result; resolves when it is durable. While the store takes nothing it is tried again, until `stop`.
   *
   * @throws {LinescribeError} DELIVERY_TOO_LARGE: the promise stands, and a smaller body can fulfil it; STORE_FULL,
   *   STORE_FAILED after `stop`: the result is lost, and the next start sends what was promised with.
   */
  fulfil(body: string): Promise<void>;
}

/** Made before requests are taken: what an earlier process promised is settled with it. */
export class OutsideCallbacks {
  readonly #options: OutsideCallbacksOptions;
  readonly #bounds: CallbackBounds;
  readonly #now: () => number;
  readonly #sender: OutsideSender;
  readonly #stopping = new AbortController();

  constructor(options: OutsideCallbacksOptions) {
    const { now = Date.now, schedule, concurrency = 16, concurrencyPerOrigin = 4 } = options;
    this.#options = options;
    this.#now = now;
    this.#bounds = { ...DEFAULT_CALLBACK_BOUNDS, ...options.bounds };
    this.#sender = new OutsideSender({
      ...options,
      now,
      schedule: { ...DEFAULT_OUTSIDE_SCHEDULE, ...schedule },
      concurrency,
      concurrencyPerOrigin,
      keepDeadMs: options.keepDeadMs ?? KEEP_DEAD_MS,
    });
    // Before the first request of this process can promise anything.
    options.callbacks.release(now());
  }

  /**
   * What can be said of a URL at once; where its name leads is seen when it is connected to.
   *
   * @throws {LinescribeError} FETCH_BAD_URL, FETCH_FORBIDDEN_ADDRESS
   */
  check(url: string): void {
    this.#options.fetcher.check(url);
  }

  /**
   * Sends a body, behind what the same request sent before. It is durable when this returns.
   *
   * @throws {LinescribeError} DELIVERY_OVERLOADED, DELIVERY_TOO_LARGE, STORE_FULL, STORE_FAILED, or as `check` does
   */
  enqueue(callback: NewCallback): void {
    this.#keep(callback, "pending");
    this.#sender.wake();
  }

  /**
   * Keeps a place for a result that is not there yet.
   *
   * @param callback - Its body is what is sent if this process ends before the result is there.
   * @throws {LinescribeError} as `enqueue` does
   */
  promise(callback: NewCallback): PromisedCallback {
    const id = this.#keep(callback, "promised");
    return { fulfil: (body) => this.#fulfil(id, body) };
  }

  /** Begins to send, with what an earlier process left. */
  start(): void {
    this.#sender.start();
  }

  /** See `OutsideSender.quiet`. */
  quiet(): Promise<void> {
    return this.#sender.quiet();
  }

  /** Sends what is due, for `deadlineMs` at most; the rest is the next process's. */
  stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    return this.#sender.stop(deadlineMs);
  }

  /** What was worked out once is not thrown away because a disk was full for a moment. */
  async #fulfil(id: number, body: string): Promise<void> {
    checkSize(body);
    const { wait = sleep } = this.#options;
    for (
      let waitMs = FIRST_WAIT_MS;
      !this.#fulfilled(id, body);
      waitMs = Math.min(MAXIMUM_WAIT_MS, waitMs * 2)
    )
      await wait(waitMs, this.#stopping.signal);
    this.#sender.wake();
  }

  /** Whether the result was kept; false: the store has to be asked again. */
  #fulfilled(id: number, body: string): boolean {
    const { callbacks, counters, logger } = this.#options;
    try {
      callbacks.fulfil(id, body, this.#now());
      return true;
    } catch (error) {
      if (!isOfStore(error) || this.#stopping.signal.aborted) throw error;
      logger.error(
        { code: error.code, reason: messageOf(error) },
        "the result of a callback waits for the store",
      );
      counters.add("store.retries");
      return false;
    }
  }

  #keep(callback: NewCallback, state: "promised" | "pending"): number {
    const { callbacks, counters } = this.#options;
    this.check(callback.url);
    checkSize(callback.body);
    const id = callbacks.add(callback, state, this.#bounds, this.#now());
    counters.add(id === null ? "callbacks.refused" : "callbacks.accepted");
    if (id !== null) return id;
    const message = "As many results wait for callback URLs as may, of this key or of all";
    throw new LinescribeError("DELIVERY_OVERLOADED", message, { retryable: true });
  }
}

function checkSize(body: string): void {
  const bytes = Buffer.byteLength(body);
  if (bytes <= BODY_MAXIMUM_BYTES) return;
  const message = `The result has ${bytes} bytes, and a callback at most ${BODY_MAXIMUM_BYTES}`;
  throw new LinescribeError("DELIVERY_TOO_LARGE", message);
}

function isOfStore(error: unknown): error is LinescribeError {
  return error instanceof LinescribeError && (error.code === "STORE_FULL" || error.code === "STORE_FAILED");
}

/** Ends early, and without a fault, at the signal. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
