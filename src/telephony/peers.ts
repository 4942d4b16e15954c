/**
 * Counts the unauthenticated sockets of each address, so that one peer cannot hold them all.
 */
import { peerKey } from "../base/ip-address.ts";

export class PeerCounts {
  readonly #counts = new Map<string, number>();
  readonly #maximum: number;

  /** @param maximum - Sockets of one address at a time. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Counts a socket in. Returns what counts it out, once; or null when the address has its maximum. */
  enter(address: string): (() => void) | null {
    const key = peerKey(address);
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#maximum) return null;
    this.#counts.set(key, count + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left === 0) this.#counts.delete(key);
      else this.#counts.set(key, left);
    };
  }
}
