/**
 * An error in the shape that Deepgram's clients read: `err_code`, `err_msg`, `request_id`, and the same in headers.
 */
import type { ErrorCode } from "../base/codes.ts";
import type { ApiError } from "../http/api-error.ts";
import type { ErrorAnswer } from "../http/exchange.ts";

/** Deepgram's codes of our errors, where the status does not say enough; docs/deepgram.md has the same table. */
export const ERR_CODES: Partial<Record<ErrorCode, string>> = {
  // The only body that is read for its words.
  REQUEST_MALFORMED: "INVALID_JSON",
  REQUEST_UNSUPPORTED_OPTION: "INVALID_QUERY_PARAMETER",
  ASR_BAD_HINTS: "INVALID_QUERY_PARAMETER",
  ASR_BAD_LANGUAGE: "INVALID_QUERY_PARAMETER",
  FETCH_BAD_URL: "REMOTE_CONTENT_ERROR",
  FETCH_FORBIDDEN_ADDRESS: "REMOTE_CONTENT_ERROR",
  FETCH_BAD_REDIRECT: "REMOTE_CONTENT_ERROR",
  FETCH_TOO_LARGE: "REMOTE_CONTENT_ERROR",
  FETCH_BAD_ANSWER: "REMOTE_CONTENT_ERROR",
  FETCH_FAILED: "REMOTE_CONTENT_ERROR",
  FETCH_TIMEOUT: "REMOTE_CONTENT_ERROR",
};

export const STATUS_CODES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "INVALID_AUTH",
  403: "INSUFFICIENT_PERMISSIONS",
  404: "NOT_FOUND",
  408: "REQUEST_TIMEOUT",
  413: "PAYLOAD_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  422: "ASR_UNPROCESSABLE_ENTITY",
  429: "TOO_MANY_REQUESTS",
  503: "SERVICE_UNAVAILABLE",
};

export function errCodeOf({ code, status }: Pick<ApiError, "code" | "status">): string {
  return ERR_CODES[code] ?? STATUS_CODES[status] ?? "INTERNAL_SERVER_ERROR";
}

/**
 * The answer to an error.
 *
 * @param id - Of the request.
 */
export function describeError(error: ApiError, id: string): ErrorAnswer {
  const { message } = error;
  return {
    body: { err_code: errCodeOf(error), err_msg: message, request_id: id },
    headers: { "dg-request-id": id, "dg-error": inHeader(message) },
  };
}

/** A header has visible ASCII only; the body has the rest. */
function inHeader(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, "?");
}
