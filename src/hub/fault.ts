/**
 * What went wrong between us and a hub, by our names, with what to do about it.
 */
import { LinescribeError, messageOf } from "../base/error.ts";

/** Node's codes of certificates that cannot be trusted. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/;
const MALFORMED = /^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RESPONSE)/;

/**
 * An error of a request or of reading its body. Ours and misuse by our own code stay as they are.
 *
 * @param host - Who was asked.
 * @param began - Whether the answer had begun.
 */
export function asHubError(error: unknown, host: string, began: boolean): unknown {
  const own = ownOf(error);
  if (own?.code === "FETCH_FORBIDDEN_ADDRESS") {
    const message = `The hub redirects to ${host}, an address that is not public; pull from another hub with --from`;
    return new LinescribeError("HUB_BAD_REDIRECT", message, { cause: error });
  }
  if (own !== null && !own.code.startsWith("FETCH_")) return own;
  const code = codeOf(error) ?? own?.code ?? null;
  if (code === null && (error instanceof TypeError || error instanceof RangeError)) return error;
  return named(code, error, host, began);
}

function named(code: string | null, cause: unknown, host: string, began: boolean): LinescribeError {
  if (code !== null && (MALFORMED.test(code) || code === "FETCH_BAD_ANSWER" || code === "FETCH_TOO_LARGE"))
    return new LinescribeError(
      "HUB_BAD_ANSWER",
      `${host} does not answer as a hub does (${messageOf(cause)})`,
      {
        cause,
      },
    );
  if (code !== null && UNTRUSTED.test(code)) {
    const message = `The certificate of ${host} cannot be trusted (${code}); name its authority in NODE_EXTRA_CA_CERTS`;
    return new LinescribeError("HUB_UNREACHABLE", message, { cause });
  }
  if (code?.endsWith("_TIMEOUT"))
    return new LinescribeError("HUB_TIMEOUT", `${host} sent nothing for too long`, {
      retryable: true,
      cause,
    });
  const [problem, what] = began
    ? (["HUB_BROKE_OFF", "broke off"] as const)
    : (["HUB_UNREACHABLE", "cannot be reached"] as const);
  const message = `${host} ${what} (${code ?? "unknown cause"})${began ? "" : "; check the network, LINESCRIBE_HUB and --from"}`;
  return new LinescribeError(problem, message, { retryable: true, cause });
}

function ownOf(error: unknown): LinescribeError | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof LinescribeError) return cause;
  return null;
}

/** The system's or undici's code, or null. */
function codeOf(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === "string" && code !== "" && !(cause instanceof LinescribeError)) return code;
  }
  return null;
}
