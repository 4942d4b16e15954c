/**
 * How many requests are worked on at once; one more is refused, not kept waiting with its body in memory.
 */
import type { Counters } from "../base/counters.ts";

export class Places {
  readonly #name: string;
  readonly #maximum: number;
  readonly #counters: Counters;
  readonly #shared: Places | null;
  #taken = 0;

  /**
   * @param name - Prefix of the counters `<name>.added` and `<name>.refused`.
   * @param shared - Places of which each of these takes one, too.
   */
  constructor(name: string, maximum: number, counters: Counters, shared: Places | null = null) {
    this.#shared = shared;
    this.#name = name;
    this.#maximum = maximum;
    this.#counters = counters;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes a place; returns what gives it back, once, or null when all are taken. */
  take(): (() => void) | null {
    const leaveShared = this.#taken < this.#maximum ? (this.#shared?.take() ?? null) : null;
    if (this.#taken >= this.#maximum || (this.#shared && leaveShared === null)) {
      this.#counters.add(`${this.#name}.refused`);
      return null;
    }
    this.#counters.add(`${this.#name}.added`);
    this.#taken += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      leaveShared?.();
      this.#taken -= 1;
    };
  }
}
