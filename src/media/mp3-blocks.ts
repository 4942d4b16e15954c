/**
 * MPEG audio (MP3 and its older layers) as blocks, by mpg123.
 */
import { MPEGDecoder } from "mpg123-decoder";
import { type Block, malformed } from "./block.ts";
import { isMonoMp3 } from "./kind.ts";

/** At 8 kbit/s, the least there is, this much plays for 16 s. */
const PIECE_BYTES = 16_384;

/**
 * Damaged frames are left out, as players do.
 *
 * @throws {LinescribeError} `MEDIA_MALFORMED` when there is no frame at all.
 */
export async function* mp3Blocks(bytes: Uint8Array): AsyncIterable<Block> {
  const decoder = new MPEGDecoder();
  await decoder.ready;
  // The decoder makes two channels of one.
  const channelCount = isMonoMp3(bytes) ? 1 : 2;
  let samples = 0;
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const { channelData, samplesDecoded, sampleRate } = decoder.decode(bytes.subarray(at, at + PIECE_BYTES));
    if (samplesDecoded === 0) continue;
    samples += samplesDecoded;
    yield { rateHz: sampleRate, channels: channelData.slice(0, channelCount) };
  }
  if (samples === 0) throw malformed("The MP3 file holds no frame that can be decoded");
}
