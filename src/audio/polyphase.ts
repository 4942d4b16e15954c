/**
 * Changes the rate of a stream of samples by a rational factor: a low pass, computed only where a sample comes out.
 *
 * Output sample n lies at input position n * M / L, where L / M is the ratio of the rates in lowest terms; its weights
 * are the row `n * M mod L` of a table, or where L is very large the one just before it.
 */
import { expectInteger } from "../base/guards.ts";
import { besselI0 } from "./half-band.ts";
import { HeldSamples } from "./held-samples.ts";

/**
 * The middle of the transition as a share of half the lower rate, and the zero crossings of the sinc on either side. To
 * 16 kHz: flat within 0.01 dB to 7000 Hz, and what would be mirrored below 7800 Hz is 65 dB down.
 */
const CUTOFF_SHARE = 0.9375;
const ZERO_CROSSINGS = 32;
/** Shape of the Kaiser window for 65 dB of stop band, as in `half-band.ts`. */
const KAISER_BETA = 6.204;
/** Rows of a table at most, 72 dB of error at the highest tone. 44.1 kHz needs 160; only files have odder rates. */
const MAXIMUM_ROWS = 2048;
/** Room for 100 ms at 48 kHz beside what is kept; longer blocks make it grow. */
const INITIAL_SAMPLES = 6144;

interface Table {
  /** Input samples per L output samples, and L. */
  step: number;
  phases: number;
  /** Input samples on either side of a position that weigh. */
  reach: number;
  /** As many as there are phases, or `MAXIMUM_ROWS`; of `2 * reach` weights each. */
  rows: number;
  weights: Float64Array;
}

const TABLES = new Map<string, Table>();

export class PolyphaseFilter {
  readonly #table: Table;
  /** The newest `reach` samples that are left of the next output sample, then those that came after. */
  readonly #held: HeldSamples;
  /** Position of the next output sample: input samples behind `reach` of the held ones, and a share of one, in phases. */
  #position = 0;
  #phase = 0;
  #taken = 0;
  #given = 0;

  /** Both rates are whole numbers. */
  constructor(fromHz: number, toHz: number) {
    expectInteger("fromHz", fromHz, 1);
    expectInteger("toHz", toHz, 1);
    this.#table = tableOf(fromHz, toHz);
    this.#held = new HeldSamples(INITIAL_SAMPLES, this.#table.reach - 1);
  }

  /** Takes the next samples; returns those at the lower rate that are settled now, in memory that the caller owns. */
  push(f32: Float32Array): Float32Array {
    this.#taken += f32.length;
    return this.#filter(f32);
  }

  /** Returns the rest, so that round(n * toHz / fromHz) samples came out for n, and starts anew. */
  flush(): Float32Array {
    const { phases, step, reach } = this.#table;
    const wanted = Math.round((this.#taken * phases) / step) - this.#given;
    // Half a step beyond the last sample, at most.
    const rest = this.#filter(new Float32Array(reach + Math.ceil(step / phases)));
    this.#held.reset(reach - 1);
    this.#position = 0;
    this.#phase = 0;
    this.#taken = 0;
    this.#given = 0;
    return rest.slice(0, wanted);
  }

  #filter(f32: Float32Array): Float32Array {
    const { phases, step, reach, rows, weights } = this.#table;
    this.#held.append(f32);
    const usable = this.#held.length - 2 * reach + 1;
    const output = new Float32Array(
      Math.max(0, Math.ceil(((usable - this.#position) * phases - this.#phase) / step)),
    );
    for (let index = 0; index < output.length; index++) {
      output[index] = weighed(
        this.#held.values,
        this.#position,
        weights,
        Math.floor((this.#phase * rows) / phases) * 2 * reach,
        2 * reach,
      );
      this.#phase += step;
      const whole = Math.floor(this.#phase / phases);
      this.#phase -= whole * phases;
      this.#position += whole;
    }
    const done = Math.min(this.#position, this.#held.length);
    this.#held.drop(done);
    this.#position -= done;
    this.#given += output.length;
    return output;
  }
}

/** Four sums because one would wait for itself; their order is fixed, so results are exact repeats. `count` is even. */
function weighed(
  samples: Float64Array,
  from: number,
  weights: Float64Array,
  row: number,
  count: number,
): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  for (let k = 0; k < count; k += 4) {
    sum0 += (samples[from + k] as number) * (weights[row + k] as number);
    sum1 += (samples[from + k + 1] as number) * (weights[row + k + 1] as number);
    sum2 += (samples[from + k + 2] as number) * (weights[row + k + 2] as number);
    sum3 += (samples[from + k + 3] as number) * (weights[row + k + 3] as number);
  }
  return sum0 + sum1 + (sum2 + sum3);
}

function tableOf(fromHz: number, toHz: number): Table {
  const name = `${fromHz} ${toHz}`;
  const known = TABLES.get(name);
  if (known) return known;
  const divisor = greatestCommonDivisor(fromHz, toHz);
  const phases = toHz / divisor;
  const step = fromHz / divisor;
  const rows = Math.min(phases, MAXIMUM_ROWS);
  // Cycles per input sample.
  const cutoff = (CUTOFF_SHARE * Math.min(fromHz, toHz)) / 2 / fromHz;
  const halfWidth = ZERO_CROSSINGS / (2 * cutoff);
  // Even, so that a row is a multiple of 4.
  const reach = 2 * Math.ceil(halfWidth / 2);
  const weights = new Float64Array(rows * 2 * reach);
  for (let index = 0; index < rows; index++) {
    const row = weights.subarray(index * 2 * reach, (index + 1) * 2 * reach);
    // Weight k is of the input sample that lies k - (reach - 1) behind the whole part of the position.
    for (let k = 0; k < row.length; k++) row[k] = kernel(k - (reach - 1) - index / rows, cutoff, halfWidth);
    const sum = row.reduce((total, weight) => total + weight, 0);
    for (let k = 0; k < row.length; k++) row[k] = (row[k] as number) / sum;
  }
  const table = { step, phases, reach, rows, weights };
  TABLES.set(name, table);
  return table;
}

function kernel(distance: number, cutoff: number, halfWidth: number): number {
  if (Math.abs(distance) >= halfWidth) return 0;
  const angle = 2 * Math.PI * cutoff * distance;
  const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
  return sinc * besselI0(KAISER_BETA * Math.sqrt(1 - (distance / halfWidth) ** 2));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
