/**
 * When to try again, and when to stop: every time and limit of delivery in one frozen table.
 */

export interface Schedule {
  /** Longest wait before the second, third, ... attempt, ms; the last one repeats. The first attempt is at once. */
  delaysMs: readonly number[];
  /** A pending row is given up when it was queued this long ago, ms, whatever the reason for its failures. */
  giveUpAfterMs: number;
  /** ... but never before it had this many attempts: the server may have been down for all that time. */
  minimumAttempts: number;
  /** A row is given up after this many failures while its endpoint took other rows. */
  strikes: number;
  /** A row is given up after this many refusals of its content (400, 413, 422, ...). */
  refusals: number;
  /** A receiver cannot ask for a longer pause than this, ms. */
  retryAfterMaximumMs: number;
  /** How long an endpoint that has no configuration or no usable secret waits before it is looked up again, ms. */
  unconfiguredMs: number;
  breaker: BreakerLimits;
}

export interface BreakerLimits {
  /** Attempts that ended longer ago than this are forgotten, ms. */
  windowMs: number;
  /** Attempts in the window before the breaker judges. */
  minimumAttempts: number;
  /** Share of failures in the window that opens the breaker, 0..1. */
  failingShare: number;
  /** How long it stays open before one probe is let through, ms. */
  openMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * The shipped table. Seven strikes lie about half an hour apart in the mean (26 minutes; 53 at most): then a row
 * that its receiver cannot take stops holding up its call.
 */
export const DEFAULT_SCHEDULE: Schedule = Object.freeze({
  delaysMs: Object.freeze([
    5 * SECOND_MS,
    30 * SECOND_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    30 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
  ]),
  giveUpAfterMs: 72 * HOUR_MS,
  minimumAttempts: 4,
  strikes: 7,
  refusals: 4,
  retryAfterMaximumMs: HOUR_MS,
  unconfiguredMs: MINUTE_MS,
  breaker: Object.freeze({
    windowMs: MINUTE_MS,
    minimumAttempts: 10,
    failingShare: 0.7,
    openMs: 30 * SECOND_MS,
  }),
});

/** The same table with every duration multiplied by `factor` (> 0): an hour in a test may take a second. */
export function scaleSchedule(schedule: Schedule, factor: number): Schedule {
  return {
    ...schedule,
    delaysMs: schedule.delaysMs.map((ms) => ms * factor),
    giveUpAfterMs: schedule.giveUpAfterMs * factor,
    retryAfterMaximumMs: schedule.retryAfterMaximumMs * factor,
    unconfiguredMs: schedule.unconfiguredMs * factor,
    breaker: {
      ...schedule.breaker,
      windowMs: schedule.breaker.windowMs * factor,
      openMs: schedule.breaker.openMs * factor,
    },
  };
}

/**
 * How long to wait after a failure, ms: uniformly between 0 and the table's delay ("full jitter"), so that lanes
 * that failed together do not come back together.
 *
 * @param failures - Failures so far, >= 1.
 * @param random - In [0, 1).
 */
export function backoffMs(schedule: Schedule, failures: number, random: number): number {
  const { delaysMs } = schedule;
  const longest = delaysMs[Math.min(failures, delaysMs.length) - 1] ?? 0;
  return Math.round(random * longest);
}

/**
 * Reads `Retry-After`: whole seconds or an HTTP date (RFC 9110 section 10.2.3).
 *
 * @param now - Epoch ms.
 * @returns Milliseconds in [0, retryAfterMaximumMs], or null when the header is missing or means nothing.
 */
export function retryAfterMs(header: string | null, schedule: Schedule, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  // Date.parse takes a great many things for dates, "-5" and "1.5" among them; an HTTP date begins with a weekday.
  const isDate = /^[A-Za-z]{3,9},? /.test(text);
  const askedMs = /^\d{1,10}$/.test(text)
    ? Number(text) * 1000
    : isDate
      ? Date.parse(text) - now
      : Number.NaN;
  if (Number.isNaN(askedMs)) return null;
  return Math.min(Math.max(askedMs, 0), schedule.retryAfterMaximumMs);
}
