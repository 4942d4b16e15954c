/**
 * What one live socket needs.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { Session } from "../session/session.ts";
import type { SessionListener } from "../session/session-options.ts";
import type { SocketLimits } from "../sockets/deadlines.ts";
import type { LiveOptions, RawFormat } from "./options.ts";
import type { Outlet } from "./outlet.ts";
import type { ResultFacts } from "./server-message.ts";

export interface LiveConnectionOptions {
  asked: LiveOptions;
  facts: Omit<ResultFacts, "channels">;
  /** Opens the session, once it is known what the audio is. */
  open: (format: RawFormat, listener: SessionListener) => Session;
  outlet: Outlet;
  prefixPadMs: number;
  /** When it has to end, monotonic ms. */
  deadlineAt: number;
  limits: SocketLimits;
  /** Monotonic ms. */
  monotonic: () => number;
  /** Runs a task at an interval until the returned function is called. */
  every: (intervalMs: number, task: () => void) => () => void;
  /** Epoch ms. */
  now: () => number;
  log: Logger;
  counters: Counters;
}
