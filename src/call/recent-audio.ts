/**
 * The newest samples of one track: what may still become part of an utterance.
 */
export class RecentAudio {
  readonly #blocks: Float32Array[] = [];
  /** Position of the first kept sample. */
  #start = 0;
  #end = 0;

  /** Samples appended so far, and so the position of the next one. */
  get end(): number {
    return this.#end;
  }

  /** Appends samples; the block is kept without a copy. */
  push(block: Float32Array): void {
    this.#blocks.push(block);
    this.#end += block.length;
  }

  /**
   * A copy of the samples in [start, end); what lies beyond the newest sample is silence.
   *
   * @throws {RangeError} when `start` was already forgotten.
   */
  slice(start: number, end: number): Float32Array {
    if (start < this.#start) throw new RangeError(`Expected a start >= ${this.#start}, got ${start}`);
    const samples = new Float32Array(end - start);
    let position = this.#start;
    for (const block of this.#blocks) {
      const from = Math.max(start, position);
      const to = Math.min(end, position + block.length);
      if (from < to) samples.set(block.subarray(from - position, to - position), from - start);
      position += block.length;
    }
    return samples;
  }

  /** Frees whole blocks that lie before `position`. */
  forget(position: number): void {
    let first = this.#blocks[0];
    while (first && this.#start + first.length <= position) {
      this.#start += first.length;
      this.#blocks.shift();
      first = this.#blocks[0];
    }
  }
}
