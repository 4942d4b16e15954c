/**
 * What the HTTP API needs from outside. `media/` and `recording/` fit as they are; tests hand in small ones.
 */
import type { Recording, Samples } from "../recording/recording.ts";
import type { TranscribeOptions } from "../recording/transcriber.ts";
import type { Transcript } from "../recording/transcript.ts";

/** Turns a file into sound; throws `MEDIA_...`. */
export interface FileDecoder {
  decode(bytes: Uint8Array, options: { signal: AbortSignal }): Promise<Samples>;
}

export interface FileTranscriber {
  transcribe(recording: Recording, options: TranscribeOptions): Promise<Transcript>;
}
