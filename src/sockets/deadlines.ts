/**
 * When a socket must be warned, pinged or closed: limits and clock readings in, one action out.
 */
export interface SocketLimits {
  /** Without any message. */
  idleMs: number;
  /** How long before the end of the longest session its client is warned; at most half of the session. */
  warningMs: number;
  /** How long a session waits for its client, ms. */
  resumeMs: number;
  /** How long a client may read nothing while messages wait for it. */
  slowReaderMs: number;
  pingMs: number;
  /** Pings in a row that may go unanswered. */
  missedPongs: number;
}

export const DEFAULT_LIMITS: Readonly<SocketLimits> = {
  idleMs: 60_000,
  warningMs: 60_000,
  resumeMs: 60_000,
  slowReaderMs: 30_000,
  pingMs: 20_000,
  missedPongs: 2,
};

/** Readings of one monotonic clock, ms. */
export interface SocketTimes {
  openedAt: number;
  lastMessageAt: number;
  lastPingAt: number;
  /** Pings sent since the last pong. */
  unanswered: number;
  /** When the session has to end. */
  deadlineAt: number;
  warned: boolean;
  /** Since when messages wait for a client that reads nothing; null while none do. */
  unreadSince: number | null;
  /** We read nothing from the socket: neither silence nor a missing pong is the client's. */
  held: boolean;
  /** The session ends, and the socket closes when the client was told everything. */
  closing: boolean;
}

/** Of a socket that has just opened. */
export function startTimes(now: number, deadlineAt: number): SocketTimes {
  return {
    openedAt: now,
    lastMessageAt: now,
    lastPingAt: now,
    unanswered: 0,
    deadlineAt,
    warned: false,
    unreadSince: null,
    held: false,
    closing: false,
  };
}

export type DueAction = "limit" | "warning" | "slow_reader" | "idle" | "lost" | "ping" | null;

export function dueAction(times: SocketTimes, limits: SocketLimits, now: number): DueAction {
  const { openedAt, deadlineAt, unreadSince, held, closing } = times;
  if (unreadSince !== null && now - unreadSince >= limits.slowReaderMs) return "slow_reader";
  if (!closing && now >= deadlineAt) return "limit";
  const warningMs = Math.min(limits.warningMs, (deadlineAt - openedAt) / 2);
  if (!closing && !times.warned && now >= deadlineAt - warningMs) return "warning";
  if (!closing && !held && now - times.lastMessageAt >= limits.idleMs) return "idle";
  if (now - times.lastPingAt < limits.pingMs) return null;
  return !held && times.unanswered >= limits.missedPongs ? "lost" : "ping";
}
