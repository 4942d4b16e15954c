/**
 * Commits events to the store, and keeps trying while the disk is full or failing: what was recognised is not
 * dropped because of it. New calls are refused meanwhile.
 */
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
  /** Waits between tries; ends early with `false` when the program must stop. */
  wait?: (ms: number) => Promise<void>;
}

const FIRST_WAIT_MS = 100;
const MAXIMUM_WAIT_MS = 5000;

export class Committer {
  readonly #options: CommitterOptions;
  #waiting = 0;
  #stopped = false;
  #failure: LinescribeError | null = null;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** What the store said last, while something waits for it; null when all is well. */
  get failure(): LinescribeError | null {
    return this.#waiting > 0 ? this.#failure : null;
  }

  /** Commits `drafts`; resolves when they are durable. Rejects only after `stop`. */
  async commit(callSid: string, drafts: readonly EventDraft[]): Promise<void> {
    const { store, onCommitted, logger, counters, wait = sleep } = this.#options;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(MAXIMUM_WAIT_MS, waitMs * 2)) {
      try {
        for (const event of store.commit(callSid, drafts)) onCommitted(event);
        return;
      } catch (error) {
        if (!(error instanceof LinescribeError) || this.#stopped) throw error;
        if (this.#waiting === 0)
          logger.error({ code: error.code, reason: messageOf(error) }, "events wait for the store");
        counters.add("store.retries");
        this.#failure = error;
        this.#waiting += 1;
        await wait(waitMs);
        this.#waiting -= 1;
      }
    }
  }

  /** No more tries: what cannot be committed now is lost. */
  stop(): void {
    this.#stopped = true;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
