/**
 * When a final is worth beginning before it is known to be one.
 *
 * What is recognised in a pause is the final if the pause lasts, and lost if speech resumes: of phone speech, two thirds
 * as much again as the speech itself. A machine that has time begins at once. A busy one begins as late as the
 * final can wait for, so that what is lost is little.
 */
import { MODEL_RATE_HZ } from "../base/time.ts";

/** Workers that are busy for less than this share of the time have nothing better to do. */
const IDLE_SHARE = 0.3;
/** Over which the share is taken, ms. */
const MEMORY_MS = 5000;
/** The share of the newest final in the mean. */
const NEWEST = 0.1;
/** Times the mean: as much again for a queue and for a second search. */
const MARGIN = 2;
/** Milliseconds of waiting and work per millisecond of audio, before anything was measured. */
const FIRST_GUESS = 0.1;

export class HeadStart {
  readonly #workers: () => number;
  readonly #now: () => number;
  /** Milliseconds of work, fading. */
  #busyMs = 0;
  #fadedAt: number;
  #turnaround = FIRST_GUESS;

  /**
   * @param workers - How many there are now, >= 1.
   * @param now - Monotonic, ms.
   */
  constructor(workers: () => number, now = (): number => performance.now()) {
    this.#workers = workers;
    this.#now = now;
    this.#fadedAt = now();
  }

  /** A worker was busy for so long. */
  worked(ms: number): void {
    this.#fade();
    this.#busyMs += ms;
  }

  /** A final was answered this long after it was asked for. */
  answered(samples: number, turnaroundMs: number): void {
    const ratio = turnaroundMs / ((1000 * samples) / MODEL_RATE_HZ);
    this.#turnaround += NEWEST * (ratio - this.#turnaround);
  }

  /** How long before it is due a final of so much audio should be asked for, ms; Infinity while there is time to spare. */
  ms(audioMs: number): number {
    this.#fade();
    if (this.#busyMs < IDLE_SHARE * MEMORY_MS * this.#workers()) return Infinity;
    return MARGIN * this.#turnaround * audioMs;
  }

  #fade(): void {
    const now = this.#now();
    this.#busyMs *= Math.exp((this.#fadedAt - now) / MEMORY_MS);
    this.#fadedAt = now;
  }
}
