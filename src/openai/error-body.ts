/**
 * An error in the shape that OpenAI's clients read.
 */
import type { ErrorCode } from "../base/codes.ts";
import type { ApiError } from "../http/api-error.ts";
import type { ErrorAnswer } from "../http/exchange.ts";

/** What is at fault, where it is a field. */
const PARAMS: Partial<Record<ErrorCode, string>> = { ASR_BAD_HINTS: "keywords[]", ASR_BAD_AUDIO: "file" };

export function describeError({ status, code, message, param }: ApiError): ErrorAnswer {
  return { body: { error: { message, type: typeOf(status), param: param ?? paramOf(status, code), code } } };
}

function paramOf(status: number, code: ErrorCode): string | null {
  return PARAMS[code] ?? (code.startsWith("MEDIA_") && status < 500 ? "file" : null);
}

/** The names that OpenAI has for kinds of errors. */
function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
