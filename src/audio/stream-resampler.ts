/**
 * Changes the rate of a stream of samples to 16 kHz, the same however the stream is split.
 */
import { expectInteger } from "../base/guards.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";

const MINIMUM_RATE_HZ = 4000;
const MAXIMUM_RATE_HZ = 192_000;

/** Zero crossings of the sinc on either side; with the window's shape this makes the transition 0.083 of the lower rate. */
const CROSSINGS = 24;
/** The transition ends at half the lower rate: 6.7 kHz passes flat to within 0.01 dB, nothing above 8 kHz comes back. */
const CUTOFF = 0.917;
/** Shape of the Kaiser window for 65 dB of stop band: 0.1102 (65 - 8.7). */
const KAISER_BETA = 6.204;
/** Positions between two input samples that have taps of their own; 44.1 kHz needs 160, odd rates take the nearest. */
const MAXIMUM_PHASES = 2048;

/**
 * Output sample m lies at the time of input sample m * from / 16000. Before the first and after the last sample there is
 * silence. The output lags the input by `reach` samples until `flush`.
 */
export class StreamResampler {
  /** Input samples for one output sample are step / scale. */
  readonly #step: number;
  readonly #scale: number;
  readonly #phases: number;
  /** Input samples on either side of an output sample that it depends on. */
  readonly #reach: number;
  /** Taps by phase, 2 * reach each. */
  readonly #taps: Float32Array;
  /** Input from `#first` on. */
  #held: Float32Array;
  #heldSamples: number;
  /** Whole input samples before the next output sample, counted from `#held[reach - 1]`, and the rest in 1 / scale. */
  #at = 0;
  #rest = 0;
  #taken = 0;
  #given = 0;

  /** @param fromHz - Rate of the input, 4000 to 192000. */
  constructor(fromHz: number) {
    expectInteger("fromHz", fromHz, MINIMUM_RATE_HZ, MAXIMUM_RATE_HZ);
    const divisor = greatestCommonDivisor(fromHz, MODEL_RATE_HZ);
    this.#step = fromHz / divisor;
    this.#scale = MODEL_RATE_HZ / divisor;
    this.#phases = Math.min(this.#scale, MAXIMUM_PHASES);
    const cutoff = CUTOFF * Math.min(1, MODEL_RATE_HZ / fromHz);
    this.#reach = Math.ceil(CROSSINGS / cutoff);
    this.#taps = makeTaps(this.#phases, this.#reach, cutoff);
    this.#held = new Float32Array(8 * this.#reach);
    this.#heldSamples = this.#reach - 1;
  }

  /**
   * Takes the next samples.
   *
   * @param f32 - Any number of samples; copied. [n]
   * @returns The samples at 16 kHz that are settled now, in memory that the caller owns.
   */
  push(f32: Float32Array): Float32Array {
    this.#taken += f32.length;
    return this.#convert(f32, Number.POSITIVE_INFINITY);
  }

  /** Returns the rest, so that round(n * 16000 / from) samples came out for n, and starts anew. */
  flush(): Float32Array {
    const due = Math.round((this.#taken * this.#scale) / this.#step) - this.#given;
    const output = this.#convert(new Float32Array(this.#reach + Math.ceil(this.#step / this.#scale)), due);
    this.#held.fill(0);
    this.#heldSamples = this.#reach - 1;
    this.#at = 0;
    this.#rest = 0;
    this.#taken = 0;
    this.#given = 0;
    return output;
  }

  #convert(f32: Float32Array, maximum: number): Float32Array {
    this.#append(f32);
    const span = 2 * this.#reach;
    // Positions `at` whose last tap is held.
    const room = this.#heldSamples - span - this.#at;
    const ready = room < 0 ? 0 : Math.floor(((room + 1) * this.#scale - this.#rest - 1) / this.#step) + 1;
    const output = new Float32Array(Math.max(0, Math.min(maximum, ready)));
    for (let index = 0; index < output.length; index++) {
      output[index] = this.#sampleAt(this.#at, this.#rest);
      this.#rest += this.#step;
      const whole = Math.floor(this.#rest / this.#scale);
      this.#at += whole;
      this.#rest -= whole * this.#scale;
    }
    this.#given += output.length;
    const done = Math.min(this.#at, this.#heldSamples);
    this.#held.copyWithin(0, done, this.#heldSamples);
    this.#heldSamples -= done;
    this.#at -= done;
    return output;
  }

  #sampleAt(at: number, rest: number): number {
    const span = 2 * this.#reach;
    const phase = this.#phases === this.#scale ? rest : Math.floor((rest * this.#phases) / this.#scale);
    const first = phase * span;
    const [held, taps] = [this.#held, this.#taps];
    let even = 0;
    let odd = 0;
    for (let tap = 0; tap < span; tap += 2) {
      even += (held[at + tap] as number) * (taps[first + tap] as number);
      odd += (held[at + tap + 1] as number) * (taps[first + tap + 1] as number);
    }
    return even + odd;
  }

  #append(f32: Float32Array): void {
    const needed = this.#heldSamples + f32.length;
    if (needed > this.#held.length) {
      const grown = new Float32Array(Math.max(needed, 2 * this.#held.length));
      grown.set(this.#held.subarray(0, this.#heldSamples));
      this.#held = grown;
    }
    this.#held.set(f32, this.#heldSamples);
    this.#heldSamples = needed;
  }
}

/** Taps of each phase sum to 1, so that a constant stays that constant. */
function makeTaps(phases: number, reach: number, cutoff: number): Float32Array {
  const span = 2 * reach;
  const taps = new Float32Array(phases * span);
  const one = new Float64Array(span);
  for (let phase = 0; phase < phases; phase++) {
    let sum = 0;
    for (let tap = 0; tap < span; tap++) {
      const distance = tap - (reach - 1) - phase / phases;
      const x = Math.PI * cutoff * distance;
      const sinc = x === 0 ? 1 : Math.sin(x) / x;
      const inside = Math.max(0, 1 - (distance / reach) ** 2);
      one[tap] = sinc * besselI0(KAISER_BETA * Math.sqrt(inside));
      sum += one[tap] as number;
    }
    for (let tap = 0; tap < span; tap++) taps[phase * span + tap] = (one[tap] as number) / sum;
  }
  return taps;
}

/** Modified Bessel function of the first kind and order 0, by its power series. */
function besselI0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
