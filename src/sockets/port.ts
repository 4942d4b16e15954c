/**
 * What this room needs from above: who may open a socket.
 */
import type { IncomingMessage } from "node:http";
import type { ErrorCode } from "../base/codes.ts";

export interface Admitted {
  ok: true;
  /** Null when no key exists. */
  keyId: string | null;
  /** Of the client, not of a proxy. */
  address: string;
  /** Until the session has to end, ms. */
  maximumSessionMs: number;
  /** Aborts with a `LinescribeError` as its reason when the client may not go on. */
  signal?: AbortSignal;
  /** Gives back what limits count; called when the socket has closed. */
  release(): void;
}

export interface Refused {
  ok: false;
  /** HTTP status of the answer to the upgrade. */
  status: number;
  /** Close code of a socket that is open already. */
  closeCode: number;
  code: ErrorCode;
  message: string;
  retryAfterSeconds?: number;
}

export type Admission = Admitted | Refused;

export interface AccessPort {
  /** Answers, whatever a request holds; does not reject. */
  admit(request: IncomingMessage, options: { scope: "transcribe" }): Promise<Admission>;
}
