/**
 * One attempt on a callback to a URL that an outsider gave, and what it means for its row.
 *
 * Any 2xx is success; everything else, a redirect included, is tried again ten times in steps of 30 s, as Deepgram
 * documents it. A URL that leads where none may lead is not tried again: every try is a question to our network.
 */
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Fetcher } from "../fetch/fetcher.ts";
import type { CallbackHead, CallbackSettlement, NewCallback } from "../store/callbacks.ts";

export interface OutsideSchedule {
  retries: number;
  retryMs: number;
  /** From the name to the status of the answer, ms. */
  timeoutMs: number;
  /** A row that is older is not tried again, ms. */
  giveUpAfterMs: number;
}

export const DEFAULT_OUTSIDE_SCHEDULE: Readonly<OutsideSchedule> = Object.freeze({
  retries: 10,
  retryMs: 30_000,
  timeoutMs: 15_000,
  giveUpAfterMs: 24 * 3600 * 1000,
});

/** The status, or the code of what went wrong. */
export type OutsideResult = { status: number } | { error: string; retryable: boolean };

/** Bytes that an answer may announce; none of them is read. */
const ANSWER_BYTES = Number.MAX_SAFE_INTEGER;

/** Sends a callback; the answer counts as soon as its status is known. Rejects with the signal's reason alone. */
export async function sendCallback(
  { url, method, body, requestId, keyId }: NewCallback,
  fetcher: Pick<Fetcher, "open">,
  { timeoutMs }: OutsideSchedule,
  signal: AbortSignal,
): Promise<OutsideResult> {
  const headers = {
    "content-type": "application/json",
    "dg-request-id": requestId,
    ...(keyId === null ? {} : { "dg-token": keyId }),
  };
  try {
    const answer = await fetcher.open(url, {
      method,
      headers,
      body,
      maximumBytes: ANSWER_BYTES,
      timeoutMs,
      signal,
    });
    answer.close();
    return { status: answer.status };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LinescribeError) return { error: error.code, retryable: error.retryable };
    return { error: messageOf(error), retryable: true };
  }
}

/** What becomes of a row after an attempt that ended at `now`. */
export function settlementOf(
  head: CallbackHead,
  result: OutsideResult,
  { retries, retryMs, giveUpAfterMs }: OutsideSchedule,
  now: number,
): CallbackSettlement {
  const status = "status" in result ? result.status : null;
  const error = "error" in result ? result.error : null;
  const facts = { head, at: now, nextAt: now + retryMs, status, error };
  if (status !== null && status >= 200 && status < 300) return { ...facts, outcome: "delivered" };
  const last = head.doubted || head.attempts >= retries || now - head.createdAt >= giveUpAfterMs;
  const hopeless = "error" in result && !result.retryable;
  return { ...facts, outcome: last || hopeless ? "dead" : "retry" };
}
