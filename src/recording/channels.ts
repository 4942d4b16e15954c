/**
 * A recording of which each channel is transcribed for itself: its own utterances, its own language.
 */
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import type { FileTranscriber } from "./port.ts";
import type { Samples } from "./recording.ts";
import type { TranscribeOptions } from "./transcriber.ts";
import type { Transcript } from "./transcript.ts";

/**
 * One transcript a channel, in their order, made one after the other.
 *
 * @throws whatever `transcribe` does, and the failure of a transcript: half of one would look like a whole one.
 */
export async function transcribeChannels(
  transcriber: FileTranscriber,
  channels: readonly Samples[],
  options: Omit<TranscribeOptions, "onProgress"> & { source: string },
): Promise<Transcript[]> {
  const transcripts: Transcript[] = [];
  for (const [index, sound] of channels.entries()) {
    const durationMs = samplesToMs(sound.length, MODEL_RATE_HZ);
    const transcript = await transcriber.transcribe(
      { durationMs, tracks: [{ track: "inbound", packets: null, pcm16k: () => sound }] },
      { ...options, source: `${options.source} channel ${index}` },
    );
    if (transcript.failure) throw transcript.failure;
    transcripts.push(transcript);
  }
  return transcripts;
}
