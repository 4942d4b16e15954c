/**
 * The first message of a socket: which session it is, how to come back to it, and what it may do.
 */
import type { ResumableSession } from "../session/resumable.ts";
import type { SocketLimits } from "./deadlines.ts";
import type { ServerMessage } from "./message.ts";

/** 8 s of 16 kHz float32, a minute of telephone audio: what is converted in one go, in 30 ms at most. */
export const MESSAGE_MAXIMUM_BYTES = 512 * 1024;

export function greetingOf(
  { session, lastSequence, deadlineAt }: ResumableSession,
  { token, resumed }: { token: string; resumed: boolean },
  { limits, monotonic }: { limits: SocketLimits; monotonic: () => number },
): ServerMessage {
  return {
    type: "session",
    session: session.id,
    resume_token: token,
    resumed,
    samples: session.samples,
    sequence: lastSequence,
    limits: {
      session_ms: Math.max(0, Math.round(deadlineAt - monotonic())),
      idle_ms: limits.idleMs,
      resume_ms: limits.resumeMs,
      message_bytes: MESSAGE_MAXIMUM_BYTES,
    },
  };
}
