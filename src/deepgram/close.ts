/**
 * How a live socket is closed: code and reason, as Deepgram's clients read them; docs/deepgram.md has the same table.
 *
 * The current client comes back by itself after every code but 1000.
 */
import type { ErrorCode } from "../base/codes.ts";
import type { LinescribeError } from "../base/error.ts";

export interface Close {
  code: number;
  /** Theirs where they have one, else ours. */
  variant: string;
}

const NORMAL = 1000;
const POLICY = 1008;
const INTERNAL = 1011;
const RESTART = 1012;
const TRY_AGAIN = 1013;

export const CLOSES: Partial<Record<ErrorCode, Close>> = {
  SESSION_BAD_AUDIO: { code: POLICY, variant: "DATA-0000" },
  SOCKET_BAD_MESSAGE: { code: POLICY, variant: "DATA-0000" },
  AUDIO_BAD_WAV: { code: POLICY, variant: "DATA-0000" },
  MEDIA_UNSUPPORTED: { code: POLICY, variant: "DATA-0000" },
  SOCKET_IDLE: { code: INTERNAL, variant: "NET-0001" },
  SOCKET_SLOW_READER: { code: POLICY, variant: "SOCKET_SLOW_READER" },
  // These clients are not to come back.
  SESSION_CUT_SAMPLE: { code: NORMAL, variant: "SESSION_CUT_SAMPLE" },
  SESSION_LIMIT: { code: NORMAL, variant: "SESSION_LIMIT" },
  SERVER_DRAINING: { code: RESTART, variant: "SERVER_DRAINING" },
  SESSION_OVERLOADED: { code: TRY_AGAIN, variant: "SESSION_OVERLOADED" },
  DELIVERY_OVERLOADED: { code: TRY_AGAIN, variant: "DELIVERY_OVERLOADED" },
  STORE_FULL: { code: TRY_AGAIN, variant: "STORE_FULL" },
  STORE_FAILED: { code: TRY_AGAIN, variant: "STORE_FAILED" },
};

/** The close of an error of ours; of access that ended 1008, of whatever else was thrown 1011. */
export function closeOf(error: LinescribeError | null): Close {
  if (error?.code.startsWith("ACCESS_")) return { code: POLICY, variant: error.code };
  return (error && CLOSES[error.code]) ?? { code: INTERNAL, variant: error?.code ?? "SOCKET_FAILED" };
}
