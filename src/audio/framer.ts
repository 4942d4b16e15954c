/**
 * Cuts a stream of samples into frames of one fixed length.
 */
import { expectInteger } from "../base/guards.ts";

export class Framer {
  readonly #frameSamples: number;
  #frame: Float32Array;
  #filled = 0;

  /** @param frameSamples - Samples in a frame, >= 1, for example 512 for Silero at 16 kHz. */
  constructor(frameSamples: number) {
    this.#frameSamples = expectInteger("frameSamples", frameSamples, 1);
    this.#frame = new Float32Array(frameSamples);
  }

  /**
   * Takes the next samples and returns the frames that are now full, oldest first.
   *
   * @param f32 - Any number of samples; copied. [n]
   * @returns Frames that the caller owns: each is its own memory and may be transferred. [frameSamples] each
   */
  push(f32: Float32Array): Float32Array[] {
    const frames: Float32Array[] = [];
    for (let taken = 0; taken < f32.length; ) {
      const wanted = Math.min(this.#frameSamples - this.#filled, f32.length - taken);
      this.#frame.set(f32.subarray(taken, taken + wanted), this.#filled);
      taken += wanted;
      this.#filled += wanted;
      if (this.#filled === this.#frameSamples) frames.push(this.#take());
    }
    return frames;
  }

  /** The samples that are left, padded with zeros to a whole frame, or null when none are. */
  flush(): Float32Array | null {
    return this.#filled === 0 ? null : this.#take();
  }

  #take(): Float32Array {
    const frame = this.#frame;
    this.#frame = new Float32Array(this.#frameSamples);
    this.#filled = 0;
    return frame;
  }
}
