/**
 * Token buckets by name: how often somebody may do something, with a bound on how many names are remembered.
 */
import type { Counters } from "../base/counters.ts";

export interface BucketOptions {
  /** Prefix of the counters `<name>.refused` and `<name>.forgotten`. */
  name: string;
  /** Refilled evenly, and as many at once from a full bucket; >= 1. */
  perMinute: number;
  /** Names remembered; the one that was quiet the longest makes room. */
  maximumNames: number;
  counters: Counters;
  /** Monotonic ms. */
  now: () => number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

const MINUTE_MS = 60_000;
/** What adding fractions may lose: who waits as long as told must be let in. */
const ROUNDING = 1e-6;

export class TokenBuckets {
  readonly #options: BucketOptions;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Names that are remembered now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token. Returns 0, or the ms until there will be one; a refusal costs nothing. */
  take(name: string): number {
    const { perMinute, now } = this.#options;
    const nowMs = now();
    const bucket = this.#buckets.get(name);
    const tokens = bucket
      ? Math.min(perMinute, bucket.tokens + this.#refill(nowMs - bucket.atMs))
      : perMinute;
    const granted = tokens >= 1 - ROUNDING;
    this.#buckets.delete(name);
    this.#makeRoom();
    this.#buckets.set(name, { tokens: granted ? Math.max(0, tokens - 1) : tokens, atMs: nowMs });
    if (granted) return 0;
    this.#options.counters.add(`${this.#options.name}.refused`);
    return Math.ceil(((1 - tokens) * MINUTE_MS) / perMinute);
  }

  #refill(elapsedMs: number): number {
    return (Math.max(0, elapsedMs) * this.#options.perMinute) / MINUTE_MS;
  }

  #makeRoom(): void {
    if (this.#buckets.size < this.#options.maximumNames) return;
    const [quietest] = this.#buckets.keys();
    this.#buckets.delete(quietest as string);
    this.#options.counters.add(`${this.#options.name}.forgotten`);
  }
}
