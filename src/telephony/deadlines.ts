/**
 * When a media socket must be pinged or closed: limits and clock readings in, one action out.
 */
export interface SocketLimits {
  /** From the upgrade to an authenticated `start`. */
  startMs: number;
  /** Without any message. The carrier sends 50 a second on each track, also in silence. */
  idleMs: number;
  /** Of a stream in all; the carrier's own limit of a call is not below. */
  durationMs: number;
  pingMs: number;
  /** Pings in a row that may go unanswered. */
  missedPongs: number;
}

export const DEFAULT_LIMITS: Readonly<SocketLimits> = {
  startMs: 10_000,
  idleMs: 60_000,
  durationMs: 4 * 3_600_000,
  pingMs: 20_000,
  missedPongs: 2,
};

/** Readings of one monotonic clock, in ms. */
export interface SocketTimes {
  openedAt: number;
  lastMessageAt: number;
  lastPingAt: number;
  /** Pings sent since the last pong. */
  unanswered: number;
  streaming: boolean;
}

export type DueAction = "start_timeout" | "idle" | "duration" | "lost" | "ping" | null;

export function dueAction(times: SocketTimes, limits: SocketLimits, now: number): DueAction {
  if (!times.streaming && now - times.openedAt >= limits.startMs) return "start_timeout";
  if (now - times.openedAt >= limits.durationMs) return "duration";
  if (now - times.lastMessageAt >= limits.idleMs) return "idle";
  if (now - times.lastPingAt < limits.pingMs) return null;
  return times.unanswered >= limits.missedPongs ? "lost" : "ping";
}
