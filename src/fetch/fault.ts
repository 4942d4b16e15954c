/**
 * What went wrong on the way, by our names.
 */
import { LinescribeError } from "../base/error.ts";

/** Errors of zlib that say what they read is not what it should be. */
const UNDECODABLE = /^(Z_|ERR_BROTLI|ERR__ERROR)/;

/** Ours as they are, also where undici or the system wrapped them; misuse by our own code as it is; all else came from outside. */
export function asFetchError(error: unknown): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof LinescribeError) return cause;
  const code = codeOf(error);
  if (code === null && (error instanceof TypeError || error instanceof RangeError)) return error;
  if (code !== null && UNDECODABLE.test(code))
    return new LinescribeError("FETCH_BAD_ANSWER", "The answer cannot be decoded", { cause: error });
  const [problem, message] = code?.endsWith("_TIMEOUT")
    ? (["FETCH_TIMEOUT", "The URL did not answer in time"] as const)
    : (["FETCH_FAILED", `The URL could not be fetched (${code ?? "unknown cause"})`] as const);
  return new LinescribeError(problem, message, { retryable: true, cause: error });
}

/** The system's or undici's code, or null. */
function codeOf(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === "string" && code !== "") return code;
  }
  return error instanceof Error && error.name === "HTTPParserError" ? "HTTP_MALFORMED" : null;
}
