/**
 * The newest audio, kept until nobody can ask for it again: when the connection is lost, what was said meanwhile is here.
 *
 * Positions count samples from the first one that was ever added; they never change, whatever is dropped.
 */
export class KeptAudio {
  /** @type {{ start: number, samples: Int16Array }[]} */
  #blocks = [];
  #maximumSamples;
  #end = 0;

  /** @param {number} maximumSamples - Kept at least, once that many were added; a block more at most. */
  constructor(maximumSamples) {
    this.#maximumSamples = maximumSamples;
  }

  /** Position after the newest sample. */
  get end() {
    return this.#end;
  }

  /** Position of the oldest sample that is kept. */
  get start() {
    return this.#blocks[0]?.start ?? this.#end;
  }

  /** @param {Int16Array} samples - Kept as it is; the caller must not change it any more. */
  add(samples) {
    if (samples.length === 0) return;
    this.#blocks.push({ start: this.#end, samples });
    this.#end += samples.length;
    while (
      this.#blocks[0] &&
      this.#end - this.#blocks[0].start - this.#blocks[0].samples.length >= this.#maximumSamples
    )
      this.#blocks.shift();
  }

  /**
   * The samples from `position` on; silence stands for those that were dropped, so that times stay true.
   *
   * @param {number} position - At most `end`.
   * @param {number} maximum - Samples that are read at most.
   * @returns {{ samples: Int16Array, dropped: number }} How many of the samples are silence in place of what was dropped.
   */
  read(position, maximum) {
    const samples = new Int16Array(Math.max(0, Math.min(maximum, this.#end - position)));
    const dropped = Math.max(0, Math.min(samples.length, this.start - position));
    let at = position + dropped;
    for (let index = this.#blockAt(at); at < position + samples.length; index++) {
      const block = this.#blocks[index];
      if (!block) break;
      const part = block.samples.subarray(at - block.start, position + samples.length - block.start);
      samples.set(part, at - position);
      at += part.length;
    }
    return { samples, dropped };
  }

  /**
   * The block that holds a position; blocks lie in order, so that half of them are left out with each look.
   *
   * @param {number} position
   */
  #blockAt(position) {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { start, samples } = /** @type {{ start: number, samples: Int16Array }} */ (this.#blocks[middle]);
      if (start + samples.length <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
