/**
 * What an attempt's result means for its row and its endpoint: pure rules, no clock and no socket.
 *
 * | Answer | Class | Row | Endpoint |
 * |---|---|---|---|
 * | 2xx | accepted | done | well |
 * | 410 | gone | stays pending | disabled until an operator retries |
 * | 429, and 502/503/504 with Retry-After | throttled | again, never a strike | pauses |
 * | 502/503/504 | throttled | again | fewer at a time |
 * | 400, 413, 422 and other 4xx | refused | 3 more tries, then dead | answers, so it is well |
 * | 401, 403, 404, 408, 425 | failed | again: misconfiguration gets fixed | failing |
 * | 1xx, 3xx (never followed), other 5xx, no answer | failed | again | failing |
 *
 * A strike is a failure that the row itself seems to cause: its content was refused, or its endpoint took another
 * row since the last try. Enough strikes park the row, so that its call goes on. A failure while the endpoint
 * takes nothing at all is an outage and no strike: however long it lasts (up to `giveUpAfterMs`), nothing is parked.
 */
import type { LaneHead, Settlement } from "../store/outbox.ts";
import type { AttemptResult } from "./attempt.ts";
import { backoffMs, retryAfterMs, type Schedule } from "./schedule.ts";

export type AnswerClass = "accepted" | "gone" | "throttled" | "refused" | "failed";

const THROTTLING = new Set([429, 502, 503, 504]);
/** 4xx that say something about the configuration or the moment, not about the content. */
const PASSING = new Set([401, 403, 404, 408, 425]);

export interface Verdict {
  settlement: Settlement;
  answer: AnswerClass;
  /** The endpoint asked for a pause until then, epoch ms, or null. */
  pauseUntil: number | null;
}

export interface VerdictContext {
  schedule: Schedule;
  /** When the attempt ended, epoch ms. */
  now: number;
  /** In [0, 1). */
  random: number;
  /** When the endpoint last accepted anything, epoch ms, or null when it has not since start-up. */
  endpointAcceptedAt: number | null;
}

export function classify(status: number): AnswerClass {
  if (status >= 200 && status < 300) return "accepted";
  if (status === 410) return "gone";
  if (THROTTLING.has(status)) return "throttled";
  if (status >= 400 && status < 500 && !PASSING.has(status)) return "refused";
  return "failed";
}

/** Decides what becomes of a row after an attempt that was not aborted. */
export function judge(
  head: LaneHead,
  result: Exclude<AttemptResult, { kind: "aborted" }>,
  context: VerdictContext,
): Verdict {
  const { schedule, now } = context;
  const answered = result.kind === "answered" ? result : null;
  const answer = answered === null ? "failed" : classify(answered.status);
  const askedMs = answer === "throttled" ? retryAfterMs(answered?.retryAfter ?? null, schedule, now) : null;
  const strike = isStrike(head, answer, answered?.status ?? null, askedMs, context);
  const failures = strike ? head.strikes + 1 : head.attempts + 1;
  const waitMs = Math.max(backoffMs(schedule, failures, context.random), askedMs ?? 0);
  return {
    answer,
    pauseUntil: askedMs === null ? null : now + askedMs,
    settlement: {
      head,
      outcome: outcomeOf(head, answer, strike, context),
      at: now,
      nextAt: now + waitMs,
      strike,
      status: answered?.status ?? null,
      error: errorOf(result, answer),
      // An answer to a webhook that was taken says nothing to the operator, and may echo what was said.
      response: answer === "accepted" ? null : (answered?.response ?? null),
    },
  };
}

function isStrike(
  head: LaneHead,
  answer: AnswerClass,
  status: number | null,
  askedMs: number | null,
  { endpointAcceptedAt }: VerdictContext,
): boolean {
  if (answer === "refused") return true;
  if (answer === "accepted" || answer === "gone" || status === 429 || askedMs !== null) return false;
  return endpointAcceptedAt !== null && endpointAcceptedAt >= (head.lastAttemptAt ?? head.queuedAt);
}

function outcomeOf(
  head: LaneHead,
  answer: AnswerClass,
  strike: boolean,
  { schedule, now }: VerdictContext,
): Settlement["outcome"] {
  if (answer === "accepted") return "delivered";
  if (answer === "gone") return "disable";
  const strikes = head.strikes + (strike ? 1 : 0);
  if (strike && strikes >= (answer === "refused" ? schedule.refusals : schedule.strikes)) return "dead";
  const tooOld = now - head.queuedAt >= schedule.giveUpAfterMs;
  return tooOld && head.attempts + 1 >= schedule.minimumAttempts ? "dead" : "retry";
}

function errorOf(result: Exclude<AttemptResult, { kind: "aborted" }>, answer: AnswerClass): string | null {
  if (result.kind === "failed") return result.error;
  if (answer === "accepted") return null;
  const redirect = result.status >= 300 && result.status < 400;
  return `status ${result.status}${redirect ? ", a redirect is never followed" : ""}`;
}
