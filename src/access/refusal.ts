/**
 * Every reason not to let somebody in: its code, HTTP status and close code; docs/access.md has the same table.
 */
import type { ErrorCode } from "../base/codes.ts";

export interface Refusal {
  ok: false;
  /** HTTP status of the answer, also to an upgrade. */
  status: number;
  /** Close code of a WebSocket that is open already. */
  closeCode: number;
  code: ErrorCode;
  message: string;
  /** For the header `Retry-After`; whole seconds, >= 1. */
  retryAfterSeconds?: number;
}

/** Who are you; the codes 4000 to 4999 are the application's (RFC 6455, 7.4.2), these are 4000 + status - 400. */
const UNAUTHENTICATED = { status: 401, closeCode: 4001 };
const FORBIDDEN = { status: 403, closeCode: 4003 };
const TOO_MANY = { status: 429, closeCode: 4029 };
/** 1013: try again later. */
const UNAVAILABLE = { status: 503, closeCode: 1013 };

export const REFUSALS = {
  ACCESS_KEY_MISSING: UNAUTHENTICATED,
  ACCESS_KEY_UNKNOWN: UNAUTHENTICATED,
  ACCESS_KEY_EXPIRED: UNAUTHENTICATED,
  ACCESS_KEY_REVOKED: UNAUTHENTICATED,
  ACCESS_LOOPBACK_ONLY: FORBIDDEN,
  ACCESS_SCOPE_MISSING: FORBIDDEN,
  ACCESS_BAD_ORIGIN: FORBIDDEN,
  ACCESS_TOO_OFTEN: TOO_MANY,
  ACCESS_TOO_MANY: TOO_MANY,
  ACCESS_OVERLOADED: UNAVAILABLE,
  STORE_FAILED: UNAVAILABLE,
} as const satisfies Partial<Record<ErrorCode, { status: number; closeCode: number }>>;

export type RefusalCode = keyof typeof REFUSALS;

/** @param retryAfterMs - When it is worth another try, rounded up to whole seconds. */
export function refusal(code: RefusalCode, message: string, retryAfterMs?: number): Refusal {
  const refused: Refusal = { ok: false, ...REFUSALS[code], code, message };
  if (retryAfterMs !== undefined) refused.retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
  return refused;
}
