/**
 * The samples that a filter of a stream still needs: appended at the end, dropped at the head, in memory that grows with the
 * longest block. Doubles, because converting is half the cost of filtering.
 */
export class HeldSamples {
  #values: Float64Array;
  #length: number;

  /**
   * @param room - Samples that fit before it grows.
   * @param silence - Zeros that it begins with.
   */
  constructor(room: number, silence: number) {
    this.#values = new Float64Array(room);
    this.#length = silence;
  }

  get length(): number {
    return this.#length;
  }

  /** The samples from 0 to before `length`; valid until the next `append`. */
  get values(): Float64Array {
    return this.#values;
  }

  append(f32: Float32Array): void {
    const needed = this.#length + f32.length;
    if (needed > this.#values.length) {
      const grown = new Float64Array(Math.max(needed, 2 * this.#values.length));
      grown.set(this.#values.subarray(0, this.#length));
      this.#values = grown;
    }
    this.#values.set(f32, this.#length);
    this.#length = needed;
  }

  drop(count: number): void {
    this.#values.copyWithin(0, count, this.#length);
    this.#length -= count;
  }

  /** Begins anew with so many zeros. */
  reset(silence: number): void {
    this.#values.fill(0);
    this.#length = silence;
  }
}
