/**
 * Connects to hosts that outsiders name: the name is resolved once, every address is checked, and one of those that were
 * checked is what is connected to. So a name whose answer changes (DNS rebinding) changes nothing.
 */
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { LinescribeError } from "../base/error.ts";
import { parseIp } from "../base/ip-address.ts";
import type { AddressGuard } from "./address-guard.ts";
import { bareHost } from "./outside-url.ts";
import type { Resolve } from "./resolve.ts";

export interface ConnectorOptions {
  permits: AddressGuard;
  resolve: Resolve;
  /** Until name, connection and TLS stand, ms. */
  timeoutMs: number;
}

/** More addresses than this no honest name has, and each may be tried for a while. */
const ADDRESSES_MAXIMUM = 16;

/** A connector for undici's clients and agents; its errors are `LinescribeError`s where we refused. */
export function createConnector({ permits, resolve, timeoutMs }: ConnectorOptions): buildConnector.connector {
  const lookup: LookupFunction = (hostname, options, done) => {
    checkedAddresses(hostname, resolve, permits).then(
      (found) => {
        const [first] = found as [Found, ...Found[]];
        if (options.all) done(null, found);
        else done(null, first.address, first.family);
      },
      (error) => done(error, []),
    );
  };
  // Whatever NODE_TLS_REJECT_UNAUTHORIZED says: the certificate is what binds the name to who answers.
  const connect = buildConnector({ lookup, timeout: timeoutMs, rejectUnauthorized: true });
  return (options, done) => {
    const host = bareHost(options.hostname);
    // Addresses are never looked up, so they are checked here.
    if (isIP(host) !== 0 && !permits(host)) {
      done(forbidden(), null);
      return;
    }
    connect(options, (error, socket) => {
      if (error !== null) return done(error, null);
      // Nothing gets here unless the two checks above have a hole.
      const { remoteAddress } = socket;
      if (remoteAddress !== undefined && permits(remoteAddress)) return done(null, socket);
      socket.destroy();
      done(remoteAddress === undefined ? cutOff() : forbidden(), null);
    });
  };
}

interface Found {
  address: string;
  family: 4 | 6;
}

/** One address that may not be reached spoils the name: a mixture is a trick, whichever would be tried first. */
async function checkedAddresses(hostname: string, resolve: Resolve, permits: AddressGuard): Promise<Found[]> {
  const addresses = await resolve(hostname).catch(() => []);
  const found: Found[] = [];
  for (const address of addresses) {
    const ip = parseIp(address);
    if (ip === null || !permits(address)) throw forbidden();
    found.push({ address, family: address.includes(":") ? 6 : 4 });
  }
  if (found.length === 0)
    throw new LinescribeError("FETCH_FAILED", "The name of the URL leads nowhere", { retryable: true });
  return found.slice(0, ADDRESSES_MAXIMUM);
}

function cutOff(): LinescribeError {
  return new LinescribeError("FETCH_FAILED", "The connection was cut off", { retryable: true });
}

/** Says nothing of the address: what names of this network lead to is nobody's business outside. */
export function forbidden(): LinescribeError {
  return new LinescribeError(
    "FETCH_FORBIDDEN_ADDRESS",
    "The URL leads to an address that is not public and not allowed",
  );
}
