/**
 * Wires what leads to URLs that callers of the API give: files that are there, and results that go there.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { OutsideSchedule } from "../delivery/outside-attempt.ts";
import { OutsideCallbacks } from "../delivery/outside-callbacks.ts";
import { createFetcher, type Fetcher } from "../fetch/fetcher.ts";
import type { Resolve } from "../fetch/resolve.ts";
import type { Store } from "../store/store.ts";
import type { Config } from "./config.ts";

export interface OutsideOptions {
  config: Pick<Config, "fetch" | "store">;
  store: Pick<Store, "callbacks">;
  logger: Logger;
  counters: Counters;
  /** Stands for the DNS. */
  resolve?: Resolve;
  schedule?: Partial<OutsideSchedule>;
}

export interface Outside {
  fetcher: Fetcher;
  callbacks: OutsideCallbacks;
}

const DAY_MS = 24 * 3600 * 1000;
const CALLBACKS_AT_ONCE = 16;

export function createOutside(options: OutsideOptions): Outside {
  const { config, store, logger, counters, resolve, schedule } = options;
  const { allow, ports, connections } = config.fetch;
  const fetcher = createFetcher({
    allow,
    ports,
    maximumOpen: connections,
    counters,
    ...(resolve ? { resolve } : {}),
  });
  const callbacks = new OutsideCallbacks({
    callbacks: store.callbacks,
    fetcher,
    logger,
    counters,
    // Receivers that hang must not keep files from being fetched.
    concurrency: Math.max(1, Math.min(CALLBACKS_AT_ONCE, Math.floor(connections / 2))),
    keepDeadMs: Math.round(config.store.keepDeliveredDays * DAY_MS),
    ...(schedule ? { schedule } : {}),
  });
  return { fetcher, callbacks };
}
