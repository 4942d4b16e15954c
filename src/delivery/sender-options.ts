/**
 * What a sender is made of, and what it takes for what is left out.
 */
import type { Counters } from "../base/counters.ts";
import { expectInteger } from "../base/guards.ts";
import type { Logger } from "../base/log.ts";
import type { Store } from "../store/store.ts";
import { type AttemptLimits, DEFAULT_ATTEMPT_LIMITS } from "./attempt.ts";
import { DEFAULT_SCHEDULE, type Schedule } from "./schedule.ts";
import type { EndpointTarget } from "./target.ts";

export interface DeliverySenderOptions {
  store: Store;
  /** Where an endpoint is and how it is signed for, asked at each attempt; null when it is configured no more. */
  endpoints: (endpoint: string) => EndpointTarget | null;
  logger: Logger;
  /** Receives `delivery.attempts`, `.delivered`, `.failed`, `.dead`, `.disabled`, `.breakerOpened`, `.pruned`. */
  counters: Counters;
  /** Wall clock, epoch ms. */
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
  schedule?: Schedule;
  limits?: AttemptLimits;
  /** Calls of one endpoint in flight at most, default 8. */
  concurrencyPerEndpoint?: number;
  /** Calls in flight at most, default 128: sixteen receivers that hang do not hold up a seventeenth. */
  concurrencyTotal?: number;
  /** How long delivered rows are kept, ms, default 7 days. */
  keepDeliveredMs?: number;
}

const CONCURRENCY_PER_ENDPOINT = 8;
const CONCURRENCY_TOTAL = 128;
const KEEP_DELIVERED_MS = 7 * 24 * 3600 * 1000;

/** The options with everything filled in. */
export function withDefaults(options: DeliverySenderOptions): Required<DeliverySenderOptions> {
  const { concurrencyPerEndpoint = CONCURRENCY_PER_ENDPOINT, concurrencyTotal = CONCURRENCY_TOTAL } = options;
  return {
    ...options,
    now: options.now ?? Date.now,
    random: options.random ?? Math.random,
    schedule: options.schedule ?? DEFAULT_SCHEDULE,
    limits: options.limits ?? DEFAULT_ATTEMPT_LIMITS,
    concurrencyPerEndpoint: expectInteger("concurrencyPerEndpoint", concurrencyPerEndpoint, 1),
    concurrencyTotal: expectInteger("concurrencyTotal", concurrencyTotal, 1),
    keepDeliveredMs: expectInteger("keepDeliveredMs", options.keepDeliveredMs ?? KEEP_DELIVERED_MS, 0),
  };
}
