/**
 * Doubles the rate of a stream of samples, 8 kHz to 16 kHz, the same however the stream is split.
 */
import { halfBandAt, TAP_PAIRS } from "./half-band.ts";
import { HeldSamples } from "./held-samples.ts";

/** Samples before and after a sample that its right neighbour in the output depends on. */
const PAST_SAMPLES = TAP_PAIRS - 1;
const FUTURE_SAMPLES = TAP_PAIRS;
/** Room for a 20 ms packet beside what is kept; longer packets make it grow. */
const INITIAL_SAMPLES = 256;

/**
 * Output sample 2n is input sample n, unchanged; output sample 2n + 1 lies half way to input sample n + 1 and is
 * filtered from the 16 samples on either side. Before the first and after the last sample there is silence.
 * The output lags the input by `FUTURE_SAMPLES` (2 ms) until `flush`.
 */
export class Upsampler {
  /** `PAST_SAMPLES` that were answered, then those still to be answered. */
  readonly #held = new HeldSamples(INITIAL_SAMPLES, PAST_SAMPLES);

  /**
   * Takes the next samples.
   *
   * @param f32 - Any number of samples at 8 kHz; copied. [n]
   * @returns The samples at 16 kHz that are settled now, in memory that the caller owns.
   */
  push(f32: Float32Array): Float32Array {
    this.#held.append(f32);
    const settled = Math.max(0, this.#held.length - PAST_SAMPLES - FUTURE_SAMPLES);
    const output = new Float32Array(2 * settled);
    interpolate(this.#held.values, PAST_SAMPLES, output);
    this.#held.drop(settled);
    return output;
  }

  /** Returns the rest, so that twice as many samples came out as went in, and starts anew. */
  flush(): Float32Array {
    const output = this.push(new Float32Array(FUTURE_SAMPLES));
    this.#held.reset(PAST_SAMPLES);
    return output;
  }
}

/** Writes `output.length / 2` samples of `input` from `first` on, each with the one half way to the next. */
function interpolate(input: Float64Array, first: number, output: Float32Array): void {
  for (let position = 0; position < output.length; position += 2) {
    const left = first + position / 2;
    output[position] = input[left] as number;
    output[position + 1] = halfBandAt(input, left, 1);
  }
}
