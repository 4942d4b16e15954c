/**
 * A bounded queue: it has a name, a maximum, a policy for what happens at the maximum, and counters.
 */
import type { Counters } from "./counters.ts";

/** `refuse`: a new item is not taken. `dropOldest`: the item at the head makes room. */
export type QueuePolicy = "refuse" | "dropOldest";

export interface QueueOptions<T> {
  /** Prefix of the counters `<name>.added`, `<name>.refused` and `<name>.dropped`. */
  name: string;
  /** Items held at most, >= 1. */
  maximum: number;
  policy: QueuePolicy;
  counters: Counters;
  /** Told of each item that `dropOldest` drops. */
  onDrop?: (item: T) => void;
}

export class BoundedQueue<T> {
  readonly #items: T[] = [];
  readonly #options: QueueOptions<T>;

  constructor(options: QueueOptions<T>) {
    if (!Number.isInteger(options.maximum) || options.maximum < 1) {
      throw new RangeError(
        `Expected the maximum of queue ${options.name} to be an integer >= 1, got ${options.maximum}`,
      );
    }
    this.#options = options;
  }

  get length(): number {
    return this.#items.length;
  }

  get maximum(): number {
    return this.#options.maximum;
  }

  /** Adds an item at the tail. Returns false when the queue is full and its policy is `refuse`. */
  push(item: T): boolean {
    const { name, maximum, policy, counters, onDrop } = this.#options;
    if (this.#items.length >= maximum) {
      if (policy === "refuse") {
        counters.add(`${name}.refused`);
        return false;
      }
      counters.add(`${name}.dropped`);
      const dropped = this.#items.shift() as T;
      onDrop?.(dropped);
    }
    counters.add(`${name}.added`);
    this.#items.push(item);
    return true;
  }

  /** Puts an item back at the head; never refused, because it was counted in before. */
  unshift(item: T): void {
    this.#items.unshift(item);
  }

  shift(): T | undefined {
    return this.#items.shift();
  }

  /** Removes and returns everything. */
  drain(): T[] {
    return this.#items.splice(0);
  }
}
