/**
 * A client whose key is revoked or expires may not go on.
 */
import type { WebSocket } from "ws";
import { LinescribeError } from "../base/error.ts";
import type { LiveSocket } from "./socket-desk.ts";

/** Ends the connection with the reason for which its admission ends. */
export function endWith(signal: AbortSignal, socket: WebSocket, live: Pick<LiveSocket, "end">): void {
  const end = (): void => {
    const { reason } = signal;
    live.end(
      reason instanceof LinescribeError ? reason : new LinescribeError("SOCKET_FAILED", "Access ended"),
    );
  };
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", end));
}
