/**
 * Parts interleaved samples into their channels, the same however the stream is split.
 */
import { joinF32 } from "./join.ts";

export class Deinterleaver {
  readonly #channels: number;
  /** The beginning of a frame whose other samples have not come. */
  #rest: Float32Array = new Float32Array(0);

  /** @param channels - Samples of a frame, >= 1. */
  constructor(channels: number) {
    this.#channels = channels;
  }

  /** Samples of a frame that is not whole yet. */
  get restSamples(): number {
    return this.#rest.length;
  }

  /** Takes the next samples, not kept; returns those of each channel whose frame is whole now, all as many. */
  push(interleaved: Float32Array): Float32Array[] {
    if (this.#channels === 1) return [interleaved];
    const samples = joinF32([this.#rest, interleaved]);
    const frames = Math.floor(samples.length / this.#channels);
    this.#rest = samples.slice(frames * this.#channels);
    return Array.from({ length: this.#channels }, (_, channel) => {
      const own = new Float32Array(frames);
      for (let frame = 0; frame < frames; frame++) {
        own[frame] = samples[frame * this.#channels + channel] as number;
      }
      return own;
    });
  }

  /** Forgets the beginning of a frame whose other samples will not come. */
  forgetRest(): void {
    this.#rest = new Float32Array(0);
  }
}

/** The mean of channels that are as long as each other; what is returned may be what was given. [c][n] -> [n] */
export function mixDown(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0), ...others] = channels;
  if (others.length === 0) return first;
  return first.map((sample, at) => {
    const sum = others.reduce((total, other) => total + (other[at] as number), sample);
    return sum / channels.length;
  });
}
