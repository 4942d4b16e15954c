/**
 * When to try again: soon at first, then ever more seldom.
 */
const WAITS_MS = [250, 500, 1000, 2000, 4000, 5000];

export class Backoff {
  #tries = 0;
  /** @type {number | null} */
  #at = null;

  /** @param {number} now - Monotonic ms. */
  schedule(now) {
    const waitMs = WAITS_MS[Math.min(this.#tries, WAITS_MS.length - 1)] ?? 0;
    this.#tries += 1;
    // Not all at once, when a server with many pages comes back.
    this.#at = now + waitMs * (0.8 + 0.4 * Math.random());
  }

  /** @param {number} now */
  isDue(now) {
    return this.#at !== null && now >= this.#at;
  }

  /** What is scheduled is due now. */
  hurry() {
    if (this.#at !== null) this.#at = Number.NEGATIVE_INFINITY;
  }

  /** Nothing is scheduled: it is being tried. */
  clear() {
    this.#at = null;
  }

  /** It works: the next time begins with the shortest wait. */
  reset() {
    this.#tries = 0;
  }
}
