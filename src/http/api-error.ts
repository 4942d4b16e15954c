/**
 * Why a request is refused: our code and the HTTP status. Each API has a shape of its own for it.
 */
import type { ErrorCode } from "../base/codes.ts";
import { LinescribeError } from "../base/error.ts";

/** An answer that is not what was asked for. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: ErrorCode;
  /** The field that is at fault, or null. */
  readonly param: string | null;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    {
      param = null,
      retryAfterSeconds,
    }: { param?: string | null; retryAfterSeconds?: number | undefined } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A wrong or unusable field: 400. */
export function badOption(param: string, message: string): ApiError {
  return new ApiError(400, "REQUEST_UNSUPPORTED_OPTION", message, { param });
}

/** Seconds after which somebody who was refused for want of room may try again. */
export const RETRY_AFTER_SECONDS = 5;

/** Statuses of the errors of other rooms; whatever is not here is a fault of ours, 500. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  MEDIA_MALFORMED: 400,
  MEDIA_UNSUPPORTED: 415,
  MEDIA_TOO_LARGE: 413,
  MEDIA_TOO_LONG: 413,
  MEDIA_TIMEOUT: 413,
  MEDIA_OVERLOADED: 503,
  ASR_BAD_AUDIO: 400,
  ASR_BAD_HINTS: 400,
  ASR_OVERLOADED: 503,
  ASR_CLOSED: 503,
  VAD_OVERLOADED: 503,
  VAD_CLOSED: 503,
  ASR_TIMEOUT: 503,
  ASR_WORKER_LOST: 503,
  VAD_WORKER_LOST: 503,
  FETCH_BAD_URL: 400,
  FETCH_FORBIDDEN_ADDRESS: 400,
  FETCH_BAD_REDIRECT: 400,
  FETCH_TOO_LARGE: 400,
  FETCH_BAD_ANSWER: 400,
  FETCH_FAILED: 400,
  FETCH_TIMEOUT: 400,
  FETCH_OVERLOADED: 503,
  DELIVERY_OVERLOADED: 503,
  DELIVERY_TOO_LARGE: 413,
  STORE_FULL: 503,
  STORE_FAILED: 503,
  REQUEST_TIMEOUT: 408,
  SERVER_DRAINING: 503,
};

/** The answer to whatever was thrown. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (!(thrown instanceof LinescribeError)) {
    return new ApiError(500, "REQUEST_FAILED", "The request failed by a fault of the server");
  }
  const { code, message } = thrown;
  const status = STATUSES[code] ?? 500;
  return new ApiError(status, code, message, {
    retryAfterSeconds: status === 503 ? RETRY_AFTER_SECONDS : undefined,
  });
}
