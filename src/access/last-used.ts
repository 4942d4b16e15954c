/**
 * When keys were last used: kept in memory and written now and then, so that a request costs no commit.
 */
import type { Counters } from "../base/counters.ts";
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Keys } from "../store/keys.ts";

export class LastUsed {
  readonly #keys: Pick<Keys, "saveLastUsed">;
  readonly #logger: Logger;
  readonly #counters: Counters;
  /** Key id -> epoch ms. No larger than the number of keys. */
  #unsaved = new Map<string, number>();

  constructor(keys: Pick<Keys, "saveLastUsed">, logger: Logger, counters: Counters) {
    this.#keys = keys;
    this.#logger = logger;
    this.#counters = counters;
  }

  /** @param at - Epoch ms. */
  mark(id: string, at: number): void {
    this.#unsaved.set(id, at);
  }

  /** Writes what is not written; when that fails, the next time has it again. A store in trouble keeps nobody out. */
  save(): void {
    if (this.#unsaved.size === 0) return;
    try {
      this.#keys.saveLastUsed(this.#unsaved);
      this.#unsaved = new Map();
    } catch (error) {
      this.#counters.add("access.lastUsedFailed");
      this.#logger.warn({ reason: messageOf(error) }, "when keys were last used was not stored");
    }
  }
}
