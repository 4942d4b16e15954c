/**
 * Turns a stream of bytes of raw mono PCM into samples, the same however the bytes are split.
 */

import { decodeAlaw, decodeMulaw } from "./g711.ts";
import { joinBytes, joinF32 } from "./join.ts";
import { s16ToF32 } from "./sample.ts";

/** Little-endian where a sample has several bytes; `float32` in [-1, 1]. */
export const PCM_ENCODINGS = ["float32", "s16", "mulaw", "alaw"] as const;
export type PcmEncoding = (typeof PCM_ENCODINGS)[number];

export const BYTES_PER_SAMPLE: Readonly<Record<PcmEncoding, number>> = {
  float32: 4,
  s16: 2,
  mulaw: 1,
  alaw: 1,
};

/** Filters overshoot full scale a little; ten times full scale was never sound in [-1, 1]. */
const LOUDEST = 10;

const DECODERS: Readonly<Record<PcmEncoding, (bytes: Uint8Array) => Float32Array>> = {
  float32: asFloat32,
  s16: (bytes) => s16ToF32(asS16(bytes)),
  mulaw: (bytes) => byTable(decodeMulaw, bytes),
  alaw: (bytes) => byTable(decodeAlaw, bytes),
};

export class PcmDecoder {
  readonly #encoding: PcmEncoding;
  readonly #sampleBytes: number;
  /** The beginning of a sample whose other bytes have not come. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(encoding: PcmEncoding) {
    this.#encoding = encoding;
    this.#sampleBytes = BYTES_PER_SAMPLE[encoding];
  }

  /** Bytes of a sample that is not whole yet, 0 to 3. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /**
   * Takes the next bytes.
   *
   * @returns The samples that are whole now, in memory that the caller owns.
   */
  push(bytes: Uint8Array): Float32Array {
    const wanted = this.#rest.length === 0 ? 0 : this.#sampleBytes - this.#rest.length;
    if (bytes.length < wanted) {
      this.#rest = joinBytes([this.#rest, bytes]);
      return new Float32Array(0);
    }
    const decode = DECODERS[this.#encoding];
    const whole = wanted + this.#sampleBytes * Math.floor((bytes.length - wanted) / this.#sampleBytes);
    const first = wanted === 0 ? null : decode(joinBytes([this.#rest, bytes.subarray(0, wanted)]));
    const others = decode(bytes.subarray(wanted, whole));
    // Not `slice`: that of a Buffer would keep all of it.
    this.#rest = new Uint8Array(bytes.subarray(whole));
    return first === null ? others : joinF32([first, others]);
  }

  /** Forgets the beginning of a sample whose other bytes will not come. */
  forgetRest(): void {
    this.#rest = new Uint8Array(0);
  }
}

/** Index of the first sample that is no sound (NaN, infinite, beyond ten times full scale), or null. */
export function findBadSample(f32: Float32Array): number | null {
  for (let at = 0; at < f32.length; at++) {
    // NaN compares with nothing.
    if (!(Math.abs(f32[at] as number) <= LOUDEST)) return at;
  }
  return null;
}

function asFloat32(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const f32 = new Float32Array(bytes.length / 4);
  for (let index = 0; index < f32.length; index++) f32[index] = view.getFloat32(4 * index, true);
  return f32;
}

function asS16(bytes: Uint8Array): Int16Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const s16 = new Int16Array(bytes.length / 2);
  for (let index = 0; index < s16.length; index++) s16[index] = view.getInt16(2 * index, true);
  return s16;
}

function byTable(decode: (codes: Uint8Array, s16: Int16Array) => number, bytes: Uint8Array): Float32Array {
  const s16 = new Int16Array(bytes.length);
  decode(bytes, s16);
  return s16ToF32(s16);
}
