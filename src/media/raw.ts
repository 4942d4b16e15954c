/**
 * Samples without a container, of which somebody says what they are: they are given the head of a WAV file.
 */

export interface RawFormat {
  encoding: "s16" | "float32" | "mulaw" | "alaw";
  sampleRateHz: number;
  /** Interleaved, 1 to 8. */
  channels: number;
}

/** Format tag and bits of a sample (mmreg.h). */
const FORMATS = {
  s16: [1, 16],
  float32: [3, 32],
  alaw: [6, 8],
  mulaw: [7, 8],
} as const;

const HEAD_BYTES = 44;

/** The samples as a WAV file, in new memory; little-endian, and a sample that is cut off at the end counts for nothing. */
export function rawAsWav(samples: Uint8Array, { encoding, sampleRateHz, channels }: RawFormat): Uint8Array {
  const [tag, bits] = FORMATS[encoding];
  const frameBytes = (channels * bits) / 8;
  const bytes = Buffer.alloc(HEAD_BYTES + samples.length);
  bytes.write("RIFF", 0, "latin1");
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write("WAVEfmt ", 8, "latin1");
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(tag, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(sampleRateHz, 24);
  bytes.writeUInt32LE(sampleRateHz * frameBytes, 28);
  bytes.writeUInt16LE(frameBytes, 32);
  bytes.writeUInt16LE(bits, 34);
  bytes.write("data", 36, "latin1");
  bytes.writeUInt32LE(samples.length, 40);
  bytes.set(samples, HEAD_BYTES);
  return bytes;
}
