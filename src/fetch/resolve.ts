/**
 * Names to addresses, by DNS alone.
 *
 * Not by the system's resolver: that one knows the names of this machine and of the house, and it works in a pool of four
 * threads that a few slow names of a stranger would hold from everybody else.
 */
import { promises as dns } from "node:dns";

/** Addresses of a name, IPv4 or IPv6; rejects or is empty when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

const TRY_MS = 1500;
const TRIES = 2;

export function createResolve(): Resolve {
  const resolver = new dns.Resolver({ timeout: TRY_MS, tries: TRIES });
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  };
}
