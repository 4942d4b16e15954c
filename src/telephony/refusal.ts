/**
 * How a media socket that is open is told no: a close code.
 */
import type { ErrorCode } from "../base/codes.ts";
import type { LinescribeError } from "../base/error.ts";

/** WebSocket close codes (RFC 6455, 7.4.1, and the IANA registry). */
export const CLOSE_NORMAL = 1000;
export const CLOSE_GOING_AWAY = 1001;
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_POLICY = 1008;
const CLOSE_INTERNAL = 1011;

const CLOSE_CODES: Partial<Record<ErrorCode, number>> = {
  STREAM_UNSUPPORTED_MEDIA: CLOSE_UNSUPPORTED_DATA,
  STREAM_BAD_MESSAGE: CLOSE_POLICY,
  STREAM_BAD_TOKEN: CLOSE_POLICY,
  STREAM_UNEXPECTED: CLOSE_POLICY,
  STREAM_START_TIMEOUT: CLOSE_POLICY,
  STREAM_IDLE: CLOSE_POLICY,
  SERVER_DRAINING: CLOSE_GOING_AWAY,
};

/** The close code of an error of ours, 1011 for whatever else was thrown. */
export function closeCodeOf(error: LinescribeError | null): number {
  return (error && CLOSE_CODES[error.code]) ?? CLOSE_INTERNAL;
}
