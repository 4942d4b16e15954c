/**
 * Decoded sound as it is kept until it is transcribed: 16 kHz, 16 bit, in the blocks in which it came. An hour is 115 MB.
 */
import { s16ToF32 } from "../audio/sample.ts";

export class Sound {
  readonly #blocks: Int16Array[] = [];
  /** Where each block begins. */
  readonly #starts: number[] = [];
  #length = 0;

  /** Samples in all. */
  get length(): number {
    return this.#length;
  }

  /** Adds samples of 16 kHz; kept without a copy. */
  push(s16: Int16Array): void {
    if (s16.length === 0) return;
    this.#blocks.push(s16);
    this.#starts.push(this.#length);
    this.#length += s16.length;
  }

  /** A copy of the samples from `start` to before `end` in [-1, 1), as `slice` of a `Float32Array` with positions >= 0. */
  slice(start: number, end: number): Float32Array {
    const from = Math.min(start, this.#length);
    const to = Math.max(from, Math.min(end, this.#length));
    const f32 = new Float32Array(to - from);
    for (let index = this.#blockAt(from); index < this.#blocks.length; index++) {
      const first = this.#starts[index] as number;
      if (first >= to) break;
      const block = this.#blocks[index] as Int16Array;
      const part = block.subarray(Math.max(0, from - first), Math.min(block.length, to - first));
      f32.set(s16ToF32(part), Math.max(0, first - from));
    }
    return f32;
  }

  /** The block that holds a position, by halving. */
  #blockAt(position: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= position) low = middle;
      else high = middle;
    }
    return low;
  }
}
