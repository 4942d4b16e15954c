/**
 * A WebSocket that says why before the library closes it on its own: a message too large, a broken frame.
 */
import { WebSocket } from "ws";
import type { ErrorCode } from "../base/codes.ts";
import { CLOSE_TOO_BIG } from "./refusal.ts";

export interface SocketProblem {
  code: ErrorCode;
  message: string;
}

/** Close codes that the library chooses for a peer that breaks the protocol. */
const LIBRARY_CODES: Readonly<Record<number, SocketProblem>> = {
  1002: { code: "SOCKET_BAD_FRAME", message: "A frame breaks the WebSocket protocol" },
  1007: { code: "SOCKET_BAD_FRAME", message: "A text message is not UTF-8" },
  1008: { code: "SOCKET_BAD_FRAME", message: "A message has too many fragments" },
  [CLOSE_TOO_BIG]: { code: "REQUEST_TOO_LARGE", message: "A message is larger than limits.message_bytes" },
};

export class TellingSocket extends WebSocket {
  /** The library's own closes carry no reason, and answers to the peer's close one that may be empty. */
  override close(code?: number, reason?: string | Buffer): void {
    const problem = code !== undefined && reason === undefined ? LIBRARY_CODES[code] : undefined;
    if (problem === undefined || this.readyState !== WebSocket.OPEN) {
      super.close(code, reason);
      return;
    }
    this.send(JSON.stringify(this.describe(problem)));
    super.close(code, problem.code);
  }

  /** The message that says why. */
  protected describe(problem: SocketProblem): object {
    return { type: "error", ...problem };
  }
}
