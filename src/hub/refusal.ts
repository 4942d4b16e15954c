/**
 * Answers of a hub that are no files: what it says no to, and what to do about it.
 */
import { LinescribeError } from "../base/error.ts";
import type { Headers } from "./redirect.ts";

export interface Refusal {
  readonly error: LinescribeError;
  /** When the hub asks to come again, ms from now; null when it names no time. */
  readonly retryAfterMs: number | null;
}

/** Who asked for what, for messages. */
export interface Asked {
  /** `whisper-small.onnx of owner/name`. */
  readonly what: string;
  /** The page of the repository, for people. */
  readonly page: string;
  readonly hasToken: boolean;
}

/**
 * The error behind a status that is no success.
 *
 * Hugging Face says what was not found in `X-Error-Code`, and answers 401 for what does not exist to those without a token.
 */
export function refusalOf(status: number, headers: Headers, asked: Asked, nowAt: number): Refusal {
  const retryAfterMs = parseRetryAfter(headers["retry-after"], nowAt);
  const { what, page, hasToken } = asked;
  const token = hasToken ? "the token in HF_TOKEN may not read it" : "it may need a token in HF_TOKEN";
  const refusal = (
    ...[code, message, retryable = false]: [Parameters<typeof fault>[0], string, boolean?]
  ) => ({
    error: fault(code, message, retryable),
    retryAfterMs,
  });
  if (status === 401 || status === 403)
    return refusal(
      "HUB_FORBIDDEN",
      `The hub refuses ${what} (${status}): there is no such thing, or ${token}, or its conditions must be accepted at ${page}`,
    );
  if (status === 404 || status === 410)
    return refusal("HUB_NOT_FOUND", `The hub has no ${what} (${notFound(headers)}); look at ${page}`);
  if (status === 429 || status === 503) {
    const wait = retryAfterMs === null ? "later" : `in ${Math.ceil(retryAfterMs / 1000)} s`;
    return refusal(
      "HUB_BUSY",
      `The hub asks to come again ${wait} (${status}, ${what}); a token in HF_TOKEN raises its limits`,
      true,
    );
  }
  if (status >= 500)
    return refusal(
      "HUB_UNREACHABLE",
      `The hub has a fault of its own (${status}, ${what}); try again later`,
      true,
    );
  return refusal(
    "HUB_BAD_ANSWER",
    `The hub answers ${status} for ${what}; is it one of Hugging Face's kind?`,
  );
}

function fault(
  code: "HUB_FORBIDDEN" | "HUB_NOT_FOUND" | "HUB_BUSY" | "HUB_UNREACHABLE" | "HUB_BAD_ANSWER",
  message: string,
  retryable: boolean,
): LinescribeError {
  return new LinescribeError(code, message, { retryable });
}

const NOT_FOUND: Readonly<Record<string, string>> = {
  RepoNotFound: "no such repository",
  RevisionNotFound: "no such revision",
  EntryNotFound: "no such file",
};

function notFound(headers: Headers): string {
  return NOT_FOUND[headers["x-error-code"] ?? ""] ?? "404";
}

/** Seconds or a date (RFC 9110, 10.2.3) as ms from now; null for anything else. */
export function parseRetryAfter(text: string | undefined, nowAt: number): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - nowAt);
}
