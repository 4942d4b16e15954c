/**
 * Commits events to the store, and keeps trying while the disk is full or failing: what was recognised is not
 * dropped because of it. New calls are refused meanwhile.
 */
import { setTimeout } from "node:timers/promises";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import type { CallEvent, EventDraft } from "../transcript/event.ts";

export interface CommitterOptions {
  store: Store;
  /** Told of each event, once it is committed. */
  onCommitted: (event: CallEvent) => void;
  logger: Logger;
  counters: Counters;
  /** Waits between tries, at most until the signal; by default on the clock. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const FIRST_WAIT_MS = 100;
const MAXIMUM_WAIT_MS = 5000;

export class Committer {
  readonly #options: CommitterOptions;
  #waiting = 0;
  readonly #stop = new AbortController();
  #failure: LinescribeError | null = null;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** What the store said last, while something waits for it; null when all is well. */
  get failure(): LinescribeError | null {
    return this.#waiting > 0 ? this.#failure : null;
  }

  /** Commits `drafts`; resolves to the events that are new when they are durable. Rejects only after `stop`. */
  async commit(callSid: string, drafts: readonly EventDraft[]): Promise<CallEvent[]> {
    const { onCommitted, wait = sleep } = this.#options;
    let events = this.#try(callSid, drafts);
    for (let waitMs = FIRST_WAIT_MS; events === null; waitMs = Math.min(MAXIMUM_WAIT_MS, waitMs * 2)) {
      this.#waiting += 1;
      await wait(waitMs, this.#stop.signal);
      this.#waiting -= 1;
      events = this.#try(callSid, drafts);
    }
    for (const event of events) onCommitted(event);
    return events;
  }

  /** The events that are new, or null when the store must be asked again. */
  #try(callSid: string, drafts: readonly EventDraft[]): CallEvent[] | null {
    const { store, logger, counters } = this.#options;
    try {
      return store.commit(callSid, drafts);
    } catch (error) {
      if (!(error instanceof LinescribeError) || this.#stop.signal.aborted) throw error;
      if (this.#waiting === 0)
        logger.error({ code: error.code, reason: messageOf(error) }, "events wait for the store");
      counters.add("store.retries");
      this.#failure = error;
      return null;
    }
  }

  /** No more tries after the next one: what cannot be committed now is lost. */
  stop(): void {
    this.#stop.abort();
  }
}

/** Ends early, and without a fault, at the signal. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
