/**
 * How the API says no: our code, the HTTP status, and the shape that OpenAI's clients read.
 */
import type { ErrorCode } from "../base/codes.ts";
import { LinescribeError } from "../base/error.ts";

/** An answer that is no transcript. */
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

  /** The body, as OpenAI's. */
  get body(): { error: { message: string; type: string; param: string | null; code: string } } {
    return {
      error: { message: this.message, type: typeOf(this.status), param: this.param, code: this.code },
    };
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
  REQUEST_TIMEOUT: 408,
  SERVER_DRAINING: 503,
};

/** What is at fault, where it is a field. */
const PARAMS: Partial<Record<ErrorCode, string>> = { ASR_BAD_HINTS: "keywords[]", ASR_BAD_AUDIO: "file" };

/** The answer to whatever was thrown. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (!(thrown instanceof LinescribeError)) {
    return new ApiError(500, "REQUEST_FAILED", "The request failed by a fault of the server");
  }
  const { code, message } = thrown;
  const status = STATUSES[code] ?? 500;
  const param = PARAMS[code] ?? (code.startsWith("MEDIA_") && status < 500 ? "file" : null);
  return new ApiError(status, code, message, {
    param,
    retryAfterSeconds: status === 503 ? RETRY_AFTER_SECONDS : undefined,
  });
}

/** The names that OpenAI has for kinds of errors. */
function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
