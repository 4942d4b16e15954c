/**
 * How a socket is told no: an HTTP status before the upgrade, a close code after it; docs/raw-pcm.md has the same tables.
 */
import type { ErrorCode } from "../base/codes.ts";
import type { LinescribeError } from "../base/error.ts";

/** WebSocket close codes (RFC 6455, 7.4.1, and the IANA registry). */
export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_BAD_DATA = 1007;
const CLOSE_POLICY = 1008;
export const CLOSE_TOO_BIG = 1009;
const CLOSE_INTERNAL = 1011;
const CLOSE_TRY_AGAIN = 1013;

/** Codes from 4000 on are the application's (RFC 6455, 7.4.2). */
export const CLOSE_CODES: Partial<Record<ErrorCode, number>> = {
  SOCKET_BAD_MESSAGE: CLOSE_UNSUPPORTED_DATA,
  SESSION_BAD_AUDIO: CLOSE_BAD_DATA,
  SESSION_CUT_SAMPLE: CLOSE_BAD_DATA,
  REQUEST_TOO_LARGE: CLOSE_TOO_BIG,
  SOCKET_SLOW_READER: CLOSE_POLICY,
  SESSION_LIMIT: 4008,
  SESSION_TAKEN_OVER: 4009,
  SOCKET_IDLE: 4031,
  SERVER_DRAINING: CLOSE_GOING_AWAY,
  SESSION_OVERLOADED: CLOSE_TRY_AGAIN,
  STORE_FULL: CLOSE_TRY_AGAIN,
  STORE_FAILED: CLOSE_TRY_AGAIN,
};
/** Access that ended: `ACCESS_KEY_EXPIRED` and its like. */
const CLOSE_UNAUTHENTICATED = 4001;

/** The close code of an error of ours, 1011 for whatever else was thrown. */
export function closeCodeOf(error: LinescribeError | null): number {
  if (error?.code.startsWith("ACCESS_")) return CLOSE_UNAUTHENTICATED;
  return (error && CLOSE_CODES[error.code]) ?? CLOSE_INTERNAL;
}

/** Close codes of a client that has left on purpose. 1005 is a close frame without a code. */
const LEFT_CODES: readonly number[] = [1000, 1001, 1005];
/** There was no close frame: the connection was lost. */
const CLOSE_ABNORMAL = 1006;

/**
 * Whether nobody will come back to a session whose socket closed with `code`.
 *
 * @param told - The end of the session was sent. Without an answer to our close the client may have missed it.
 */
export function hasLeft(code: number, told: boolean): boolean {
  return LEFT_CODES.includes(code) || (told && code !== CLOSE_ABNORMAL);
}

export const STATUSES: Partial<Record<ErrorCode, number>> = {
  SOCKET_BAD_QUERY: 400,
  ASR_BAD_LANGUAGE: 400,
  ASR_BAD_HINTS: 400,
  SESSION_UNKNOWN: 404,
  SESSION_OVERLOADED: 503,
  SERVER_DRAINING: 503,
  STORE_FULL: 503,
  STORE_FAILED: 503,
};

/** The HTTP status with which an upgrade is refused, 500 for whatever else was thrown. */
export function statusOf(error: LinescribeError | null): number {
  return (error && STATUSES[error.code]) ?? 500;
}

/** Nobody knows when the machine has time again, s. */
export const RETRY_AFTER_SECONDS = 5;
