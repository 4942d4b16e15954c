/**
 * Blocks of any rate and number of channels to one track of 16 kHz and 16 bit, never longer than its maximum.
 */

import { joinS16 } from "../audio/join.ts";
import { PolyphaseFilter } from "../audio/polyphase.ts";
import { createRateConverter, type RateConverter, STREAM_RATES_HZ } from "../audio/rate-converter.ts";
import { f32ToS16 } from "../audio/sample.ts";
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, msToSamples } from "../base/time.ts";
import type { Block } from "./block.ts";

const MINIMUM_RATE_HZ = 4000;
const MAXIMUM_RATE_HZ = 192_000;
/** Blocks are gathered to this much, 1 s: each is a message to the thread that serves calls. */
const EMIT_SAMPLES = MODEL_RATE_HZ;

export class Funnel {
  readonly #maximumSamples: number;
  readonly #emit: (s16: Int16Array) => void;
  #rateHz = 0;
  #converter: RateConverter = createRateConverter(MODEL_RATE_HZ);
  #samples = 0;
  #gathered: Int16Array[] = [];
  #gatheredSamples = 0;

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
    this.#emitGathered();
  }

  #give(f32: Float32Array): void {
    if (f32.length === 0) return;
    this.#samples += f32.length;
    if (this.#samples > this.#maximumSamples) {
      const limit = `${Math.round(this.#maximumSamples / MODEL_RATE_HZ)} s`;
      throw new LinescribeError("MEDIA_TOO_LONG", `The file plays longer than ${limit}`);
    }
    this.#gathered.push(f32ToS16(f32));
    this.#gatheredSamples += f32.length;
    if (this.#gatheredSamples >= EMIT_SAMPLES) this.#emitGathered();
  }

  #emitGathered(): void {
    if (this.#gatheredSamples === 0) return;
    this.#emit(joinS16(this.#gathered));
    this.#gathered = [];
    this.#gatheredSamples = 0;
  }
}

/** Rates that live audio has take its way, sample for sample. */
function converterFrom(rateHz: number): RateConverter {
  const known = STREAM_RATES_HZ.find((each) => each === rateHz);
  if (known !== undefined) return createRateConverter(known);
  if (Number.isInteger(rateHz) && rateHz >= MINIMUM_RATE_HZ && rateHz <= MAXIMUM_RATE_HZ) {
    return new PolyphaseFilter(rateHz, MODEL_RATE_HZ);
  }
  const range = `${MINIMUM_RATE_HZ} to ${MAXIMUM_RATE_HZ} Hz`;
  throw new LinescribeError("MEDIA_UNSUPPORTED", `Expected a rate of ${range}, got ${rateHz}`);
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
