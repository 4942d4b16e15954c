/**
 * Loads what is to be transcribed: a WAV file, or a recorded call with the packets of its tracks.
 */
import { readFile, stat } from "node:fs/promises";
import { decodeMulaw } from "../../audio/g711.ts";
import { resample } from "../../audio/resample.ts";
import { s16ToF32 } from "../../audio/sample.ts";
import { PacketTimeline } from "../../audio/timeline.ts";
import { parseWav } from "../../audio/wav.ts";
import { Counters } from "../../base/counters.ts";
import { LinescribeError, messageOf } from "../../base/error.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ, samplesToMs } from "../../base/time.ts";
import { mulawOf, type RecordedPacket, type Recording } from "../../recording/recording.ts";
import { TRACKS, type Track } from "../../transcript/event.ts";
import { parseRecordedCall } from "../replay/recorded-call.ts";

export interface LoadedRecording extends Recording {
  /** The language of a recorded call, null for a WAV file. */
  language: string | null;
}

/** A file is read as a whole; this much is 18 hours of mu-law. */
const FILE_MAXIMUM_BYTES = 512 * 1024 * 1024;

/**
 * Reads a WAV file, or a recorded call when the name ends in `.jsonl`.
 *
 * @throws {LinescribeError} AUDIO_BAD_WAV (also for a file that cannot be read) or REPLAY_REFUSED.
 */
export async function loadRecording(file: string): Promise<LoadedRecording> {
  const bytes = await readWhole(file);
  return file.endsWith(".jsonl") ? fromCall(bytes.toString("utf8")) : fromWav(bytes);
}

async function readWhole(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > FILE_MAXIMUM_BYTES)
      throw new Error(`expected at most ${FILE_MAXIMUM_BYTES} bytes, got ${size}`);
    return await readFile(file);
  } catch (cause) {
    throw new LinescribeError("AUDIO_BAD_WAV", `The file cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * mu-law of 8 kHz takes the way of a call: the same doubling, sample for sample. Everything else is brought to 16 kHz
 * as it is and not squeezed through a telephone first, which would only cost accuracy.
 */
function fromWav(bytes: Uint8Array): LoadedRecording {
  const { rateHz, channels } = parseWav(bytes);
  return {
    language: null,
    durationMs: samplesToMs(channels[0]?.length ?? 0, rateHz),
    tracks: channels.map((channel, index) => ({
      track: TRACKS[index] as Track,
      packets: null,
      pcm16k: () => resample(channel, rateHz, MODEL_RATE_HZ),
    })),
  };
}

function fromCall(text: string): LoadedRecording {
  const call = parseRecordedCall(text);
  const media = [...call.messages].filter((message) => message.kind === "media");
  return {
    language: call.language,
    durationMs: call.endAtMs - call.startAtMs,
    tracks: call.tracks.map((track) => {
      const packets = media.filter((packet) => packet.track === track);
      return { track, packets, pcm16k: () => soundOf(packets) };
    }),
  };
}

/** The packets in the order and at the times of a call, as one piece. */
function soundOf(packets: readonly RecordedPacket[]): Float32Array {
  const timeline = new PacketTimeline({ counters: new Counters() });
  const spans = packets.flatMap((packet) =>
    timeline.push({ timestampMs: packet.timestampMs, mulaw: mulawOf(packet) }),
  );
  const mulaw = Buffer.concat([...spans, ...timeline.flush()].map((span) => span.mulaw));
  const s16 = new Int16Array(mulaw.length);
  decodeMulaw(mulaw, s16);
  return resample(s16ToF32(s16), PHONE_RATE_HZ, MODEL_RATE_HZ);
}
