/**
 * FLAC as blocks, on its own or in Ogg.
 */
import { FLACDecoder } from "@wasm-audio-decoders/flac";
import { type Block, malformed } from "./block.ts";

/** A frame of silence packs 65,535 samples of 8 channels into 32 bytes: this much is 67 MB of sound at most. */
const PIECE_BYTES = 1024;

/**
 * Damaged frames are left out.
 *
 * @throws {LinescribeError} `MEDIA_MALFORMED` when there is no frame at all.
 */
export async function* flacBlocks(bytes: Uint8Array): AsyncIterable<Block> {
  const decoder = new FLACDecoder();
  await decoder.ready;
  let samples = 0;
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    const { channelData, samplesDecoded, sampleRate } = await decoder.decode(piece);
    if (samplesDecoded === 0) continue;
    samples += samplesDecoded;
    yield { rateHz: sampleRate, channels: channelData };
  }
  const { channelData, samplesDecoded, sampleRate } = await decoder.flush();
  if (samplesDecoded > 0) yield { rateHz: sampleRate, channels: channelData };
  if (samples + samplesDecoded === 0) throw malformed("The FLAC file holds no frame that can be decoded");
}
