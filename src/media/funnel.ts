/**
 * Blocks of any rate and number of channels to one track of 16 kHz and 16 bit, never longer than its maximum.
 */
import { f32ToS16 } from "../audio/sample.ts";
import { StreamResampler } from "../audio/stream-resampler.ts";
import { Upsampler } from "../audio/upsampler.ts";
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, msToSamples, PHONE_RATE_HZ } from "../base/time.ts";
import type { Block } from "./block.ts";

/** What brings a stream to 16 kHz. */
interface Converter {
  push(f32: Float32Array): Float32Array;
  flush(): Float32Array;
}

const AS_IT_IS: Converter = { push: (f32) => f32, flush: () => new Float32Array(0) };

export class Funnel {
  readonly #maximumSamples: number;
  readonly #emit: (s16: Int16Array) => void;
  #rateHz = 0;
  #converter = AS_IT_IS;
  #samples = 0;

  /** @param emit - Given the samples; they are the receiver's. */
  constructor(maximumDurationMs: number, emit: (s16: Int16Array) => void) {
    this.#maximumSamples = msToSamples(maximumDurationMs, MODEL_RATE_HZ);
    this.#emit = emit;
  }

  /** Samples of 16 kHz so far. */
  get samples(): number {
    return this.#samples;
  }

  /** @throws {LinescribeError} `MEDIA_TOO_LONG`, or `MEDIA_UNSUPPORTED` for a rate below 4000 or above 192000 Hz. */
  push({ rateHz, channels }: Block): void {
    if (rateHz !== this.#rateHz) {
      this.end();
      this.#converter = converterFrom(rateHz);
      this.#rateHz = rateHz;
    }
    this.#give(this.#converter.push(mixed(channels)));
  }

  /** The sound ends, or goes on at another rate. */
  end(): void {
    this.#give(this.#converter.flush());
  }

  #give(f32: Float32Array): void {
    if (f32.length === 0) return;
    this.#samples += f32.length;
    if (this.#samples > this.#maximumSamples) {
      const limit = `${Math.round(this.#maximumSamples / MODEL_RATE_HZ)} s`;
      throw new LinescribeError("MEDIA_TOO_LONG", `The file plays longer than ${limit}`);
    }
    this.#emit(f32ToS16(f32));
  }
}

/** mu-law of 8 kHz and the like take the way of a call: the same doubling, sample for sample. */
function converterFrom(rateHz: number): Converter {
  if (rateHz === MODEL_RATE_HZ) return AS_IT_IS;
  if (rateHz === PHONE_RATE_HZ) return new Upsampler();
  if (Number.isInteger(rateHz) && rateHz >= 4000 && rateHz <= 192_000) return new StreamResampler(rateHz);
  throw new LinescribeError("MEDIA_UNSUPPORTED", `Expected a rate of 4000 to 192000 Hz, got ${rateHz}`);
}

/** The mean of all channels. [n] */
function mixed(channels: Float32Array[]): Float32Array {
  const [first] = channels;
  if (!first) throw new LinescribeError("MEDIA_MALFORMED", "The file has no channel");
  if (channels.length === 1) return first;
  const mix = new Float32Array(first.length);
  for (const channel of channels) {
    for (let index = 0; index < mix.length; index++) (mix[index] as number) += channel[index] as number;
  }
  return mix.map((sum) => sum / channels.length);
}
