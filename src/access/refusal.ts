/**
 * Every reason not to let somebody in: its code and HTTP status; docs/access.md has the same table.
 */
import type { ErrorCode } from "../base/codes.ts";

export interface Refusal {
  ok: false;
  /** HTTP status of the answer, also to an upgrade. */
  status: number;
  code: ErrorCode;
  message: string;
  /** For the header `Retry-After`; whole seconds, >= 1. */
  retryAfterSeconds?: number;
}

const UNAUTHENTICATED = { status: 401 };
const FORBIDDEN = { status: 403 };
const TOO_MANY = { status: 429 };
const UNAVAILABLE = { status: 503 };

export const REFUSALS = {
  ACCESS_KEY_MISSING: UNAUTHENTICATED,
  ACCESS_KEY_UNKNOWN: UNAUTHENTICATED,
  ACCESS_KEY_EXPIRED: UNAUTHENTICATED,
  ACCESS_KEY_REVOKED: UNAUTHENTICATED,
  ACCESS_LOGIN_EXPIRED: UNAUTHENTICATED,
  ACCESS_LOOPBACK_ONLY: FORBIDDEN,
  ACCESS_SCOPE_MISSING: FORBIDDEN,
  ACCESS_BAD_ORIGIN: FORBIDDEN,
  ACCESS_TOO_OFTEN: TOO_MANY,
  ACCESS_TOO_MANY: TOO_MANY,
  ACCESS_OVERLOADED: UNAVAILABLE,
  STORE_FAILED: UNAVAILABLE,
} as const satisfies Partial<Record<ErrorCode, { status: number }>>;

export type RefusalCode = keyof typeof REFUSALS;

/** @param retryAfterMs - When it is worth another try, rounded up to whole seconds. */
export function refusal(code: RefusalCode, message: string, retryAfterMs?: number): Refusal {
  const refused: Refusal = { ok: false, ...REFUSALS[code], code, message };
  if (retryAfterMs !== undefined) refused.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return refused;
}
