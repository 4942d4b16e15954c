/**
 * Counts the unauthenticated sockets of each address, so that one peer cannot hold them all.
 */
import { isIPv6 } from "node:net";

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

/** An IPv6 peer has a whole /64 at its disposal, so that is what counts; a mapped IPv4 address is the IPv4 address. */
export function peerKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const filled =
    tail === undefined ? groups : [...groups, ...Array(8 - groups.length - after.length).fill("0")];
  return `${[...filled, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
