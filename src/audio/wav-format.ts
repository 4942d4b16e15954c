/**
 * The format chunk of a WAV file: which of the encodings that telephony uses its samples have.
 */
import { LinescribeError } from "../base/error.ts";

/** `wFormatTag` values of RFC 2361. */
export const FORMAT_PCM = 0x0001;
export const FORMAT_ALAW = 0x0006;
export const FORMAT_MULAW = 0x0007;
const FORMAT_EXTENSIBLE = 0xfffe;
/** Bytes 2 to 15 of an extensible header's sub-format when its bytes 0 and 1 are a `wFormatTag` (mmreg.h). */
const SUBFORMAT_TAIL = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];

const FORMAT_BYTES = 16;
const EXTENSIBLE_BYTES = 40;
const MAXIMUM_CHANNELS = 2;
const MAXIMUM_RATE_HZ = 192_000;

export interface WavFormat {
  tag: typeof FORMAT_PCM | typeof FORMAT_ALAW | typeof FORMAT_MULAW;
  /** 1 or 2. */
  channelCount: number;
  /** 1 to 192000. */
  rateHz: number;
}

export function badWav(problem: string): LinescribeError {
  return new LinescribeError("AUDIO_BAD_WAV", problem);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes of one sample of one channel. */
export function sampleBytesOf(tag: WavFormat["tag"]): 1 | 2 {
  return tag === FORMAT_PCM ? 2 : 1;
}

/**
 * Parses the body of a `fmt ` chunk.
 *
 * @throws {LinescribeError} AUDIO_BAD_WAV unless it is PCM of 16 bits, A-law or mu-law with 1 or 2 channels.
 */
export function parseFormat(body: Uint8Array): WavFormat {
  if (body.length < FORMAT_BYTES) {
    throw badWav(`Expected a fmt chunk of at least ${FORMAT_BYTES} bytes, got ${body.length}`);
  }
  const view = viewOf(body);
  const tag = formatTag(body);
  const channelCount = view.getUint16(2, true);
  const rateHz = view.getUint32(4, true);
  const blockBytes = view.getUint16(12, true);
  const sampleBits = view.getUint16(14, true);
  const sampleBytes = sampleBytesOf(tag);
  if (sampleBits !== 8 * sampleBytes)
    throw badWav(`Expected ${8 * sampleBytes} bits a sample, got ${sampleBits}`);
  if (channelCount < 1 || channelCount > MAXIMUM_CHANNELS) {
    throw badWav(`Expected 1 or ${MAXIMUM_CHANNELS} channels, got ${channelCount}`);
  }
  if (rateHz < 1 || rateHz > MAXIMUM_RATE_HZ) {
    throw badWav(`Expected a rate of 1 to ${MAXIMUM_RATE_HZ} Hz, got ${rateHz}`);
  }
  if (blockBytes !== channelCount * sampleBytes) {
    throw badWav(`Expected a block of ${channelCount * sampleBytes} bytes, got ${blockBytes}`);
  }
  return { tag, channelCount, rateHz };
}

function formatTag(body: Uint8Array): WavFormat["tag"] {
  const view = viewOf(body);
  let tag = view.getUint16(0, true);
  if (tag === FORMAT_EXTENSIBLE) {
    if (body.length < EXTENSIBLE_BYTES) {
      throw badWav(`Expected an extensible fmt chunk of ${EXTENSIBLE_BYTES} bytes, got ${body.length}`);
    }
    if (!SUBFORMAT_TAIL.every((byte, index) => body[26 + index] === byte)) {
      throw badWav("Expected an extensible sub-format that is a plain format tag, got another GUID");
    }
    tag = view.getUint16(24, true);
  }
  if (tag === FORMAT_PCM || tag === FORMAT_ALAW || tag === FORMAT_MULAW) return tag;
  throw badWav(`Expected PCM (1), A-law (6) or mu-law (7), got format tag ${tag}`);
}

/** The body of a `fmt ` chunk: 16 bytes for PCM; 18, with an empty extension, for the others. */
export function encodeFormat({ tag, channelCount, rateHz }: WavFormat): Uint8Array {
  const body = new Uint8Array(tag === FORMAT_PCM ? FORMAT_BYTES : FORMAT_BYTES + 2);
  const view = viewOf(body);
  const blockBytes = channelCount * sampleBytesOf(tag);
  view.setUint16(0, tag, true);
  view.setUint16(2, channelCount, true);
  view.setUint32(4, rateHz, true);
  view.setUint32(8, rateHz * blockBytes, true);
  view.setUint16(12, blockBytes, true);
  view.setUint16(14, 8 * sampleBytesOf(tag), true);
  return body;
}
