/**
 * When a worker that was lost is started again.
 */

export interface RestartPolicy {
  /** How long to wait after so many failures in a row, >= 1; ms. */
  delayMs(failures: number): number;
  /** A worker that is lost before it was up this long has failed like one that could not start; ms. */
  steadyMs: number;
}

export class Restarts {
  readonly #policy: RestartPolicy;
  readonly #start: () => void;
  readonly #now: () => number;
  #failures = 0;
  #upSince: number | null = null;
  #waiting: NodeJS.Timeout | undefined;

  /**
   * @param start - Starts the worker.
   * @param now - Monotonic, ms.
   */
  constructor(policy: RestartPolicy, start: () => void, now = (): number => performance.now()) {
    this.#policy = policy;
    this.#start = start;
    this.#now = now;
  }

  /** How often in a row it could not start, or was lost soon after. */
  get failures(): number {
    return this.#failures;
  }

  up(): void {
    this.#upSince = this.#now();
    if (this.#policy.steadyMs === 0) this.#failures = 0;
  }

  /** The worker is gone: it starts again at once if it was up for long. Returns whether it has failed instead. */
  lost(): boolean {
    const steady = this.#upSince !== null && this.#now() - this.#upSince >= this.#policy.steadyMs;
    this.#upSince = null;
    if (!steady) {
      this.failed();
      return true;
    }
    this.#failures = 0;
    this.#start();
    return false;
  }

  /** It could not be started, and is tried again later. */
  failed(): void {
    this.#failures += 1;
    this.#waiting = setTimeout(this.#start, this.#policy.delayMs(this.#failures));
  }

  cancel(): void {
    clearTimeout(this.#waiting);
  }
}
