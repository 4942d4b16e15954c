/**
 * How much one key, one address and all together may have open, and how often they may come.
 */
import type { Counters } from "../base/counters.ts";
import { TokenBuckets } from "./buckets.ts";
import { type Refusal, refusal } from "./refusal.ts";
import { Slots } from "./slots.ts";

export interface AccessLimits {
  /** Sockets and requests at once, of all. */
  connections: number;
  connectionsPerKey: number;
  /** An IPv6 address counts as its /64, here and below. */
  connectionsPerAddress: number;
  /** New sockets per minute, and as many at once after a quiet minute. */
  socketsPerMinutePerKey: number;
  socketsPerMinutePerAddress: number;
  /** The same for HTTP requests. */
  requestsPerMinutePerKey: number;
  requestsPerMinutePerAddress: number;
}

export type Visit = "socket" | "request";

/** Addresses and keys whose rates are remembered; about 2 MB each when full. */
const NAMES_MAXIMUM = 10_000;
/** Nobody knows when a slot becomes free. */
const SLOT_RETRY_MS = 5000;
const EVERYBODY = "";

export class LimitBook {
  readonly #all: Slots;
  readonly #slots: { key: Slots; address: Slots };
  readonly #rates: Record<Visit, { key: TokenBuckets; address: TokenBuckets }>;

  constructor(limits: AccessLimits, counters: Counters, now: () => number) {
    const buckets = (name: string, perMinute: number): TokenBuckets =>
      new TokenBuckets({ name: `access.${name}`, perMinute, maximumNames: NAMES_MAXIMUM, counters, now });
    this.#all = new Slots(limits.connections);
    this.#slots = {
      key: new Slots(limits.connectionsPerKey),
      address: new Slots(limits.connectionsPerAddress),
    };
    this.#rates = {
      socket: {
        key: buckets("socketsPerKey", limits.socketsPerMinutePerKey),
        address: buckets("socketsPerAddress", limits.socketsPerMinutePerAddress),
      },
      request: {
        key: buckets("requestsPerKey", limits.requestsPerMinutePerKey),
        address: buckets("requestsPerAddress", limits.requestsPerMinutePerAddress),
      },
    };
  }

  /** Counts a visit, wanted or not: null, or why it comes too soon. */
  arrive(visit: Visit, by: "key" | "address", name: string): Refusal | null {
    const waitMs = this.#rates[visit][by].take(name);
    if (waitMs === 0) return null;
    return refusal("ACCESS_TOO_OFTEN", `Too many ${visit}s of this ${by} in the last minute`, waitMs);
  }

  /** Takes a slot of all, of the address and of the key, or none of them. Returns what gives them back, once. */
  enter(address: string, keyId: string | null): (() => void) | Refusal {
    const taken: (() => void)[] = [];
    const take = (slots: Slots, name: string): boolean => {
      const leave = slots.take(name);
      if (leave) taken.push(leave);
      return leave !== null;
    };
    const leave = (): void => {
      for (const give of taken) give();
    };
    const refused = !take(this.#all, EVERYBODY)
      ? refusal("ACCESS_OVERLOADED", "The server has its maximum of connections", SLOT_RETRY_MS)
      : !take(this.#slots.address, address)
        ? refusal("ACCESS_TOO_MANY", "Too many connections of this address at once", SLOT_RETRY_MS)
        : keyId !== null && !take(this.#slots.key, keyId)
          ? refusal("ACCESS_TOO_MANY", "Too many connections of this key at once", SLOT_RETRY_MS)
          : null;
    if (refused === null) return leave;
    leave();
    return refused;
  }
}
