/**
 * What the HTTP API needs from outside. `access/`, `media/` and `recording/` fit as they are; tests hand in small ones.
 */
import type { IncomingMessage } from "node:http";
import type { ErrorCode } from "../base/codes.ts";
import type { Recording, Samples } from "../recording/recording.ts";
import type { TranscribeOptions } from "../recording/transcriber.ts";
import type { Transcript } from "../recording/transcript.ts";

/** Whether a request may be worked on. One that is let in is released when it has its answer. */
export type Admission =
  | {
      ok: true;
      /** Null when no key is needed. */
      keyId: string | null;
      /** Of the client, behind whatever proxies. */
      address: string;
      /** How long one request may take, ms. */
      maximumSessionMs: number;
      release(): void;
    }
  | {
      ok: false;
      /** HTTP status. */
      status: number;
      closeCode: number;
      code: ErrorCode;
      message: string;
      retryAfterSeconds?: number;
    };

export type Admit = (request: IncomingMessage, wish: { scope: "transcribe" }) => Promise<Admission>;

/** Turns a file into sound; throws `MEDIA_...`. */
export interface FileDecoder {
  decode(bytes: Uint8Array, options: { signal: AbortSignal }): Promise<Samples>;
}

export interface FileTranscriber {
  transcribe(recording: Recording, options: TranscribeOptions): Promise<Transcript>;
}
