/**
 * What an API that takes files needs from outside. `media/` and `recording/` fit as they are; tests hand in small ones.
 */
import type { Recording, Samples } from "./recording.ts";
import type { TranscribeOptions } from "./transcriber.ts";
import type { Transcript } from "./transcript.ts";

/** Turns a file into sound; throws `MEDIA_...`. */
export interface FileDecoder {
  decode(bytes: Uint8Array, options: { signal: AbortSignal }): Promise<Samples>;
}

/** The same, with the channels of the file apart. */
export interface ChannelDecoder extends FileDecoder {
  decodeChannels(bytes: Uint8Array, options: { signal: AbortSignal }): Promise<Samples[]>;
}

export interface FileTranscriber {
  transcribe(recording: Recording, options: TranscribeOptions): Promise<Transcript>;
}
