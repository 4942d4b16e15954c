/**
 * Changes the rate of a whole recording. Live audio goes through `Upsampler` instead.
 */
import waveResampler from "wave-resampler";
import { expectInteger } from "../base/guards.ts";
import { halfBandAt, TAP_PAIRS } from "./half-band.ts";
import { Upsampler } from "./upsampler.ts";

const MINIMUM_RATE_HZ = 4000;
const MAXIMUM_RATE_HZ = 192_000;

/** Samples on either side that `wave-resampler` interpolates from; its own 6 lose 2.5 dB at 3400 Hz. */
const SINC_SAMPLES = 12;
/** Furthest that the half-band filter looks to either side, at the higher rate. */
const HALF_BAND_REACH = 2 * TAP_PAIRS;

/**
 * Resamples a recording, time-aligned at its start.
 *
 * Doubling and halving take the half-band filter of the live path, so that a file and a call sound the same to the
 * models; every other ratio takes `wave-resampler` (about 2 us an output sample, and a stretch of one input sample
 * over the whole recording).
 *
 * @param f32 - Mono samples; not changed. [n]
 * @param fromHz - Rate of `f32`, 4000 to 192000.
 * @param toHz - Rate wanted, 4000 to 192000.
 * @returns New memory. [round(n * toHz / fromHz)]
 */
export function resample(f32: Float32Array, fromHz: number, toHz: number): Float32Array {
  expectInteger("fromHz", fromHz, MINIMUM_RATE_HZ, MAXIMUM_RATE_HZ);
  expectInteger("toHz", toHz, MINIMUM_RATE_HZ, MAXIMUM_RATE_HZ);
  if (fromHz === toHz) return f32.slice();
  if (toHz === 2 * fromHz) return double(f32);
  if (fromHz === 2 * toHz) return halve(f32);
  return convert(f32, fromHz, toHz);
}

function double(f32: Float32Array): Float32Array {
  const upsampler = new Upsampler();
  const doubled = new Float32Array(2 * f32.length);
  const settled = upsampler.push(f32);
  doubled.set(settled);
  doubled.set(upsampler.flush(), settled.length);
  return doubled;
}

/** Sample n is sample 2n of the input after a low pass at a quarter of its rate. */
function halve(f32: Float32Array): Float32Array {
  const padded = new Float64Array(f32.length + 2 * HALF_BAND_REACH);
  padded.set(f32, HALF_BAND_REACH);
  const halved = new Float32Array(Math.round(f32.length / 2));
  for (let index = 0; index < halved.length; index++) {
    const centre = HALF_BAND_REACH + 2 * index;
    halved[index] = ((padded[centre] as number) + halfBandAt(padded, centre - 1, 2)) / 2;
  }
  return halved;
}

function convert(f32: Float32Array, fromHz: number, toHz: number): Float32Array {
  const converted = new Float32Array(Math.round((f32.length * toHz) / fromHz));
  // A copy, because the package filters its input in place when it lowers the rate.
  const samples = waveResampler.resample(Float64Array.from(f32), fromHz, toHz, {
    method: "sinc",
    sincFilterSize: SINC_SAMPLES,
    sincWindow: (distance: number) =>
      Math.abs(distance) < SINC_SAMPLES ? Math.cos((Math.PI * distance) / (2 * SINC_SAMPLES)) ** 2 : 0,
    LPFType: "IIR",
  }) as Float64Array;
  converted.set(samples.length > converted.length ? samples.subarray(0, converted.length) : samples);
  return converted;
}
