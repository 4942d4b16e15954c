/**
 * Remembers which `connect` streams ended on purpose, so that the verb after the stream goes on instead of recovering.
 *
 * A stream that is not in here when the carrier asks for the next verb died: its socket broke, or our process did.
 */
import type { Counters } from "../base/counters.ts";

const DEFAULT_MAXIMUM = 10_000;

export class FinishedStreams {
  readonly #callSids = new Set<string>();
  readonly #maximum: number;
  readonly #counters: Counters;

  /** At `maximum` calls the oldest is dropped and counted: its call would recover once more, and is bounded in that. */
  constructor(counters: Counters, maximum = DEFAULT_MAXIMUM) {
    this.#counters = counters;
    this.#maximum = maximum;
  }

  get size(): number {
    return this.#callSids.size;
  }

  add(callSid: string): void {
    this.#callSids.delete(callSid);
    this.#callSids.add(callSid);
    if (this.#callSids.size <= this.#maximum) return;
    const [oldest] = this.#callSids;
    this.#callSids.delete(oldest as string);
    this.#counters.add("finished.dropped");
  }

  has(callSid: string): boolean {
    return this.#callSids.has(callSid);
  }

  delete(callSid: string): void {
    this.#callSids.delete(callSid);
  }
}
