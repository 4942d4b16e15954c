/**
 * Watches the keys behind what is open: when one is revoked, expires or is rotated away, what it opened is told to end.
 */
import { LinescribeError } from "../base/error.ts";
import type { StoredKey } from "../store/keys.ts";
import { verifyKey } from "./key.ts";
import type { RefusalCode } from "./refusal.ts";

interface Opened {
  hash: Uint8Array;
  controller: AbortController;
}

export const KEY_PROBLEMS = {
  unknown: ["ACCESS_KEY_UNKNOWN", "The key is unknown"],
  expired: ["ACCESS_KEY_EXPIRED", "The key is expired"],
  revoked: ["ACCESS_KEY_REVOKED", "The key is revoked"],
} as const satisfies Record<string, readonly [RefusalCode, string]>;

export class KeyWatch {
  readonly #opened = new Map<string, Set<Opened>>();

  /** The signal of something opened with a key, and what stops watching it; a controller that is given is used. */
  open(
    id: string,
    hash: Uint8Array,
    controller = new AbortController(),
  ): { signal: AbortSignal; forget: () => void } {
    const entry = { hash, controller };
    const others = this.#opened.get(id) ?? new Set();
    this.#opened.set(id, others.add(entry));
    const forget = (): void => {
      others.delete(entry);
      if (others.size === 0 && this.#opened.get(id) === others) this.#opened.delete(id);
    };
    return { signal: entry.controller.signal, forget };
  }

  /** Looks at each key once, however much it opened. What `read` throws ends the sweep and nothing else. */
  sweep(read: (id: string) => StoredKey | null, now: number): void {
    for (const [id, entries] of [...this.#opened]) {
      const key = read(id);
      for (const { hash, controller } of [...entries]) {
        const verdict = verifyKey(key, hash, now);
        if (verdict === "ok" || controller.signal.aborted) continue;
        const [code, message] = KEY_PROBLEMS[verdict];
        controller.abort(new LinescribeError(code, message));
      }
    }
  }
}
