/**
 * How a media socket is told no: an HTTP response before the upgrade, a close code after it.
 */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
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

/** Answers an upgrade with a whole HTTP response and ends the socket; whoever dials sees the code, not a hang-up. */
export function refuseUpgrade(socket: Duplex, status: number, code: ErrorCode, message: string): void {
  if (socket.destroyed) return;
  const body = JSON.stringify({ code, message });
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n` +
      "Connection: close\r\nContent-Type: application/json\r\n" +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
