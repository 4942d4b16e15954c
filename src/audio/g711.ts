/**
 * G.711 mu-law and A-law to 16-bit linear samples and back, by the tables of `alawmulaw`.
 */
import alawmulaw from "alawmulaw";

/** The mu-law byte of silence: +0. A-law has no zero; its quietest codes decode to +8 and -8. */
export const MULAW_SILENCE = 0xff;

const EVERY_CODE = Uint8Array.from({ length: 256 }, (_, code) => code);
const MULAW_TABLE = alawmulaw.mulaw.decode(EVERY_CODE);
const ALAW_TABLE = alawmulaw.alaw.decode(EVERY_CODE);

function decodeByTable(name: string, table: Int16Array, codes: Uint8Array, s16: Int16Array): number {
  if (s16.length < codes.length) {
    throw new RangeError(`Expected room for ${codes.length} ${name} samples, got ${s16.length}`);
  }
  for (let index = 0; index < codes.length; index++) {
    s16[index] = table[codes[index] as number] as number;
  }
  return codes.length;
}

/**
 * Decodes G.711 mu-law to linear PCM.
 *
 * @param mulaw - One byte per sample. [n]
 * @param s16 - Receives samples in [-32124, 32124], 16-bit scale (not G.711's 14-bit). [>= n]
 * @returns Samples written, n.
 * @throws {RangeError} when `s16` is shorter than `mulaw`; nothing is written.
 * @see ITU-T G.711, table 2
 */
export function decodeMulaw(mulaw: Uint8Array, s16: Int16Array): number {
  return decodeByTable("mu-law", MULAW_TABLE, mulaw, s16);
}

/**
 * Decodes G.711 A-law to linear PCM.
 *
 * @param alaw - One byte per sample, even bits inverted as on the line. [n]
 * @param s16 - Receives samples in [-32256, 32256], 16-bit scale (not G.711's 13-bit). [>= n]
 * @returns Samples written, n.
 * @throws {RangeError} when `s16` is shorter than `alaw`; nothing is written.
 * @see ITU-T G.711, table 1
 */
export function decodeAlaw(alaw: Uint8Array, s16: Int16Array): number {
  return decodeByTable("A-law", ALAW_TABLE, alaw, s16);
}

/** Encodes 16-bit linear samples as mu-law; louder than 32124 is clipped. [n] -> new memory [n] */
export function encodeMulaw(s16: Int16Array): Uint8Array {
  return alawmulaw.mulaw.encode(s16);
}

/** Encodes 16-bit linear samples as A-law; louder than 32256 is clipped. [n] -> new memory [n] */
export function encodeAlaw(s16: Int16Array): Uint8Array {
  return alawmulaw.alaw.encode(s16);
}
