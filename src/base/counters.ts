/**
 * Named counters. Hot paths count; somebody else reports, once a second or on demand.
 */
export class Counters {
  readonly #values = new Map<string, number>();

  /** Adds `by` (default 1) to the counter `name`, which starts at 0. */
  add(name: string, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#values.get(name) ?? 0;
  }

  /** All counters that were ever added to, by name, as whole numbers: some count time. */
  snapshot(): Record<string, number> {
    const sorted = [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, value]) => [name, Math.round(value)]));
  }
}
