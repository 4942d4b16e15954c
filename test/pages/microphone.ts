/**
 * Recordings for the browser's fake microphone.
 */
import { writeFileSync } from "node:fs";
import { resample } from "../../src/audio/resample.ts";
import { f32ToS16 } from "../../src/audio/sample.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";
import { type Clip, samplesOf } from "../asr/clips.ts";

const RATE_HZ = 48_000;
/** Silence before, between and behind, s. The browser repeats the last block of the file for ever: it must be silent. */
const BEFORE_S = 0.5;
const AFTER_S = 1.2;

/**
 * Writes clips with pauses between them as a WAV file, 16 bit at 48 kHz.
 *
 * @returns How long it plays, ms.
 */
export function writeRecording(file: string, clips: readonly Clip[]): number {
  const silence = (seconds: number): Float32Array => new Float32Array(Math.round(seconds * RATE_HZ));
  const parts = [silence(BEFORE_S)];
  for (const clip of clips) parts.push(resample(samplesOf(clip), MODEL_RATE_HZ, RATE_HZ), silence(AFTER_S));
  const samples = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  const s16 = f32ToS16(samples);
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + s16.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE_HZ, 24);
  header.writeUInt32LE(RATE_HZ * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(s16.byteLength, 40);
  writeFileSync(file, Buffer.concat([header, Buffer.from(s16.buffer)]));
  return (samples.length * 1000) / RATE_HZ;
}
