/**
 * Removes what was delivered long ago, in batches small enough that nobody notices.
 */
import type { Counters } from "../base/counters.ts";
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Store } from "../store/store.ts";

/** Rows in one transaction: some milliseconds of a busy event loop. */
const BATCH_ROWS = 50;
/** Between batches while there is more to remove, ms. */
const BATCH_PAUSE_MS = 50;
/** Between looks while there is nothing, ms. */
const IDLE_PAUSE_MS = 10 * 60_000;

export interface PrunerOptions {
  store: Store;
  logger: Logger;
  /** Receives `delivery.pruned`. */
  counters: Counters;
  now: () => number;
  /** How long a delivered row is kept, ms. */
  keepMs: number;
}

export class Pruner {
  readonly #options: PrunerOptions;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: PrunerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setTimeout(() => this.#run(), BATCH_PAUSE_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Removes one batch; returns how much it removed, 0 when nothing is left or the store refuses. */
  pruneBatch(): number {
    const { store, logger, counters, now, keepMs } = this.#options;
    try {
      const removed = store.prune(now() - keepMs, BATCH_ROWS);
      if (removed > 0) counters.add("delivery.pruned", removed);
      return removed;
    } catch (error) {
      logger.warn({ error: messageOf(error) }, "could not prune delivered events");
      return 0;
    }
  }

  #run(): void {
    const pauseMs = this.pruneBatch() > 0 ? BATCH_PAUSE_MS : IDLE_PAUSE_MS;
    this.#timer = setTimeout(() => this.#run(), pauseMs).unref();
  }
}
