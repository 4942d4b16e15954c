/**
 * Sends what is owed to the URLs of API callers: the head of each request, a few at a time, fewer to each receiver.
 *
 * A row is taken without a write and leaves the queue when its result is recorded, so a process that dies, or a store that
 * cannot write, may send it twice and never loses it.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Fetcher } from "../fetch/fetcher.ts";
import type { CallbackHead, CallbackSettlement, Callbacks } from "../store/callbacks.ts";
import { type OutsideSchedule, sendCallback, settlementOf } from "./outside-attempt.ts";
import { hostOf } from "./report.ts";

export interface OutsideSenderOptions {
  callbacks: Pick<Callbacks, "due" | "body" | "nextDue" | "settle" | "prune">;
  fetcher: Pick<Fetcher, "open">;
  schedule: OutsideSchedule;
  /** Attempts at once, and of them at one receiver. */
  concurrency: number;
  concurrencyPerOrigin: number;
  /** How long what was given up is kept for the operator, ms. */
  keepDeadMs: number;
  now: () => number;
  logger: Logger;
  /** Receives `callbacks.attempts|delivered|failed|dead|pruned`. */
  counters: Counters;
}

/** The clock may jump, and a store that failed may be well again: looked at this often at least, ms. */
const POLL_MS = 5000;
const PRUNE_MS = 600_000;
const PRUNE_ROWS = 500;
/** After a store or a fetcher that could not, ms. */
const PAUSE_MS = 1000;

export class OutsideSender {
  readonly #options: OutsideSenderOptions;
  readonly #inFlight = new Map<number, CallbackHead>();
  readonly #stopping = new AbortController();
  #settlements: CallbackSettlement[] = [];
  #timer: NodeJS.Timeout | null = null;
  #turnQueued = false;
  #running = false;
  #storeWell = true;
  #prunedAt = -Infinity;
  /** Nothing is started before, because all connections were taken; epoch ms. */
  #pausedUntil = -Infinity;
  #onQuiet: (() => void)[] = [];

  constructor(options: OutsideSenderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = true;
    this.wake();
  }

  /** Says that there is something new, or that the clock moved. Cheap. */
  wake(): void {
    if (!this.#running || this.#turnQueued) return;
    this.#turnQueued = true;
    setImmediate(() => {
      this.#turnQueued = false;
      if (this.#running) this.#turn();
    });
  }

  /** Resolves when nothing is in flight and nothing can be sent now. */
  quiet(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onQuiet.push(resolve);
      this.wake();
    });
  }

  /** Sends what is due for `deadlineMs` at most; what is in flight then stays for the next process. */
  async stop(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.#giveUp(), deadlineMs);
    await this.quiet();
    clearTimeout(timer);
    this.#giveUp();
    try {
      this.#record();
    } catch (error) {
      this.#options.logger.error({ reason: messageOf(error) }, "the last callbacks were not recorded");
    }
  }

  #giveUp(): void {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#stopping.abort();
    for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  #turn(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const now = this.#options.now();
    let waitMs = PAUSE_MS;
    try {
      this.#record();
      if (now >= this.#pausedUntil) this.#startDue(now);
      this.#prune(now);
      waitMs = Math.max(0, Math.min(POLL_MS, (this.#options.callbacks.nextDue(now) ?? Infinity) - now));
      this.#storeWell = true;
      if (this.#inFlight.size === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      if (this.#storeWell)
        this.#options.logger.error({ code: error.code }, "callbacks wait because of the store");
      this.#storeWell = false;
    }
    this.#timer = setTimeout(() => this.wake(), now < this.#pausedUntil ? PAUSE_MS : waitMs).unref();
  }

  /** Rows whose result is not recorded stay in flight. */
  #record(): void {
    if (this.#settlements.length === 0) return;
    this.#options.callbacks.settle(this.#settlements);
    for (const settlement of this.#settlements.splice(0)) {
      const head = this.#inFlight.get(settlement.head.id);
      this.#inFlight.delete(settlement.head.id);
      if (head) this.#report(settlement, head);
    }
  }

  #startDue(now: number): void {
    const { callbacks, concurrency, concurrencyPerOrigin } = this.#options;
    while (this.#inFlight.size < concurrency) {
      const places = new Map<string, number>();
      for (const { origin } of this.#inFlight.values()) places.set(origin, (places.get(origin) ?? 0) + 1);
      const full = [...places].filter(([, taken]) => taken >= concurrencyPerOrigin).map(([origin]) => origin);
      // What is in flight is due as well, and may be what the store names first.
      const heads = callbacks.due(now, concurrency + this.#inFlight.size, full);
      let started = 0;
      for (const head of heads) {
        const taken = places.get(head.origin) ?? 0;
        if (this.#inFlight.has(head.id) || taken >= concurrencyPerOrigin) continue;
        if (this.#inFlight.size >= concurrency) break;
        const body = callbacks.body(head.id);
        if (body === null) continue;
        places.set(head.origin, taken + 1);
        this.#inFlight.set(head.id, head);
        void this.#attempt(head, body);
        started += 1;
      }
      if (started === 0) return;
    }
  }

  async #attempt(head: CallbackHead, body: string): Promise<void> {
    const { fetcher, schedule, now, counters } = this.#options;
    counters.add("callbacks.attempts");
    const result = await sendCallback({ ...head, body }, fetcher, schedule, this.#stopping.signal).catch(
      () => null,
    );
    if (result === null) return;
    if ("error" in result && result.error === "FETCH_OVERLOADED") {
      // It was not even tried.
      this.#inFlight.delete(head.id);
      this.#pausedUntil = now() + PAUSE_MS;
    } else {
      this.#settlements.push(settlementOf(head, result, schedule, now()));
    }
    this.wake();
  }

  #report({ outcome, status, error }: CallbackSettlement, head: CallbackHead): void {
    const { counters, logger } = this.#options;
    const { requestId, keyId, url } = head;
    const fields = { requestId, keyId, host: hostOf(url), attempts: head.attempts + 1, status, error };
    if (outcome === "delivered") {
      counters.add("callbacks.delivered");
      logger.debug(fields, "callback delivered");
      return;
    }
    counters.add("callbacks.failed");
    if (outcome === "retry") {
      logger.info({ code: "DELIVERY_FAILED", ...fields }, "callback of an API caller failed");
      return;
    }
    counters.add("callbacks.dead");
    logger.warn({ code: "DELIVERY_GAVE_UP", ...fields }, "callback of an API caller given up");
  }

  #prune(now: number): void {
    const { callbacks, keepDeadMs, counters } = this.#options;
    if (now - this.#prunedAt < PRUNE_MS) return;
    const pruned = callbacks.prune(now - keepDeadMs, PRUNE_ROWS);
    if (pruned > 0) counters.add("callbacks.pruned", pruned);
    if (pruned < PRUNE_ROWS) this.#prunedAt = now;
  }
}
