/**
 * Wires what goes on right now to whoever watches.
 */
import type { Router } from "express";
import type { Access } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import { type Logger, maskNumber } from "../base/log.ts";
import { LiveFeed } from "../live/live-feed.ts";
import { LiveStream } from "../live/live-stream.ts";
import { describeProblem } from "../rest/problem.ts";
import { isSessionId } from "../session/sessions.ts";
import type { Store } from "../store/store.ts";

export interface LiveOptions {
  access: Pick<Access, "admit">;
  store: Pick<Store, "call">;
  logger: Logger;
  counters: Counters;
}

export interface Live {
  readonly feed: LiveFeed;
  readonly router: Router;
  /** No new watchers from now on. */
  drain(): void;
  /** Ends every stream. */
  close(): void;
}

/** Pages and programs that watch at once. */
const MAXIMUM_WATCHERS = 64;

export function createLive({ store, ...options }: LiveOptions): Live {
  const feed = new LiveFeed({ lookup: (callSid) => store.call(callSid), counters: options.counters });
  const stream = new LiveStream({
    ...options,
    feed,
    describe: describeProblem,
    // The parties of a session are a surface and a client, no phone numbers.
    mask: (party, callSid) => (isSessionId(callSid) ? party : maskNumber(party)),
    maximumRequests: MAXIMUM_WATCHERS,
  });
  return {
    feed,
    router: stream.router,
    drain: () => stream.drain(),
    close: () => stream.close(),
  };
}
