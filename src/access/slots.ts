/**
 * Slots by name: how much somebody may have open at once. Only names with something open are remembered.
 */
export class Slots {
  readonly #open = new Map<string, number>();
  readonly #maximum: number;

  /** @param maximum - Slots of one name, >= 1. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Names that have something open. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes a slot. Returns what gives it back, once; or null when the name has its maximum. */
  take(name: string): (() => void) | null {
    const open = this.#open.get(name) ?? 0;
    if (open >= this.#maximum) return null;
    this.#open.set(name, open + 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#open.get(name) ?? 1) - 1;
      if (left === 0) this.#open.delete(name);
      else this.#open.set(name, left);
    };
  }
}
