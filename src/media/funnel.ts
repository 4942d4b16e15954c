/**
 * Blocks of any rate and number of channels to tracks of 16 kHz and 16 bit, together never longer than their maximum: one
 * track of all channels mixed, or one of each.
 */

import { joinS16 } from "../audio/join.ts";
import { PolyphaseFilter } from "../audio/polyphase.ts";
import { createRateConverter, type RateConverter, STREAM_RATES_HZ } from "../audio/rate-converter.ts";
import { f32ToS16 } from "../audio/sample.ts";
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, msToSamples } from "../base/time.ts";
import { type Block, unsupported } from "./block.ts";
import { type ChannelLayout, MAXIMUM_CHANNELS } from "./limits.ts";

const MINIMUM_RATE_HZ = 4000;
const MAXIMUM_RATE_HZ = 192_000;
/** Blocks are gathered to this much, 1 s: each is a message to the thread that serves calls. */
const EMIT_SAMPLES = MODEL_RATE_HZ;

/** One track on its way to 16 kHz. */
interface Strand {
  converter: RateConverter;
  gathered: Int16Array[];
  gatheredSamples: number;
}

export class Funnel {
  readonly #maximumSamples: number;
  readonly #emit: (s16: Int16Array, track: number) => void;
  readonly #layout: ChannelLayout;
  #rateHz = 0;
  #strands: Strand[] = [];
  #samples = 0;

  /**
   * @param maximumDurationMs - Of all tracks together.
   * @param emit - Given the samples, which are the receiver's, and whose they are, from 0.
   */
  constructor(
    maximumDurationMs: number,
    emit: (s16: Int16Array, track: number) => void,
    layout: ChannelLayout = "mixed",
  ) {
    this.#maximumSamples = msToSamples(maximumDurationMs, MODEL_RATE_HZ);
    this.#emit = emit;
    this.#layout = layout;
  }

  /** Samples of 16 kHz so far, of all tracks. */
  get samples(): number {
    return this.#samples;
  }

  /**
   * @throws {LinescribeError} `MEDIA_TOO_LONG`, or `MEDIA_UNSUPPORTED` for a rate below 4000 or above 192000 Hz, and where
   *   they are separate for more than 8 channels and for a number of them that changes.
   */
  push({ rateHz, channels }: Block): void {
    const tracks = this.#layout === "mixed" ? [mixed(channels)] : this.#separate(channels);
    if (rateHz !== this.#rateHz) {
      this.end();
      this.#strands = tracks.map(() => ({
        converter: converterFrom(rateHz),
        gathered: [],
        gatheredSamples: 0,
      }));
      this.#rateHz = rateHz;
    }
    for (const [track, f32] of tracks.entries()) {
      const strand = this.#strands[track] as Strand;
      this.#give(strand, track, strand.converter.push(f32));
    }
  }

  /** The sound ends, or goes on at another rate. */
  end(): void {
    for (const [track, strand] of this.#strands.entries()) {
      this.#give(strand, track, strand.converter.flush());
      this.#emitGathered(strand, track);
    }
  }

  /** One channel where there are several otherwise is one that was made up, of silence, and stands for all. */
  #separate(channels: Float32Array[]): Float32Array[] {
    const expected = this.#strands.length || channels.length;
    if (channels.length < 1 || channels.length > MAXIMUM_CHANNELS)
      throw unsupported(`Expected 1 to ${MAXIMUM_CHANNELS} channels, got ${channels.length}`);
    if (channels.length === expected) return channels;
    const [first] = channels as [Float32Array, ...Float32Array[]];
    if (channels.length === 1) return Array.from({ length: expected }, () => first);
    throw unsupported(`The file has ${expected} channels first and ${channels.length} later`);
  }

  #give(strand: Strand, track: number, f32: Float32Array): void {
    if (f32.length === 0) return;
    this.#samples += f32.length;
    if (this.#samples > this.#maximumSamples) throw tooLong(this.#maximumSamples, this.#layout);
    strand.gathered.push(f32ToS16(f32));
    strand.gatheredSamples += f32.length;
    if (strand.gatheredSamples >= EMIT_SAMPLES) this.#emitGathered(strand, track);
  }

  #emitGathered(strand: Strand, track: number): void {
    if (strand.gatheredSamples === 0) return;
    this.#emit(joinS16(strand.gathered), track);
    strand.gathered = [];
    strand.gatheredSamples = 0;
  }
}

/** @param maximumSamples - Of 16 kHz. */
export function tooLong(maximumSamples: number, layout: ChannelLayout): LinescribeError {
  const limit = `${Math.round(maximumSamples / MODEL_RATE_HZ)} s`;
  const whole = layout === "separate" ? ", all channels together" : "";
  return new LinescribeError("MEDIA_TOO_LONG", `The file plays longer than ${limit}${whole}`);
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
