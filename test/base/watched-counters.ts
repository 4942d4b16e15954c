/**
 * Counters that a test can wait on.
 */
import { Counters } from "../../src/base/counters.ts";

export class WatchedCounters extends Counters {
  readonly #waiting = new Set<() => void>();

  override add(name: string, by = 1): void {
    super.add(name, by);
    for (const look of this.#waiting) look();
  }

  /** Resolves when the counter has come to `value`. */
  reach(name: string, value: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.get(name) < value) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
