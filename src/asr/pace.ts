/**
 * How often partials are worth asking for: often while the machine has time, seldom when it has not, and not at all
 * while finals wait.
 */

/** The shortest time between two partials of an utterance, ms: words do not come faster. */
const FASTEST_MS = 300;
/** A partial that comes less often than this is not live any more, ms. */
const SLOWEST_MS = 2000;
/** Partials pause when a final has waited this long for a worker, ms. */
const FINAL_PATIENCE_MS = 500;
/** The share of the newest partial in the mean. */
const NEWEST = 0.2;
/** A partial may be under way for this share of the interval. */
const BUSY_SHARE = 0.5;

export class PartialPace {
  #turnaroundMs = 0;

  /** A partial was answered this long after it was asked for. */
  answered(turnaroundMs: number): void {
    this.#turnaroundMs += NEWEST * (turnaroundMs - this.#turnaroundMs);
  }

  /**
   * The time between two partials of an utterance, 300 to 2000 ms, or null while there should be none.
   *
   * @param finalWaitMs - How long the final that has waited longest has waited.
   */
  intervalMs(finalWaitMs: number): number | null {
    if (finalWaitMs > FINAL_PATIENCE_MS) return null;
    return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, this.#turnaroundMs / BUSY_SHARE));
  }
}
