/**
 * The address of a client behind proxies: who connected to us, or the right-most address that no trusted proxy has.
 *
 * Only `X-Forwarded-For` is read, and of it only what trusted proxies wrote. `Forwarded` (RFC 7239), `X-Real-IP` and their
 * kin are never: a proxy that sets the one passes the others on as the client wrote them.
 */
import type { IncomingMessage } from "node:http";
import { formatIp, type IpAddress, isInsideAny, type Network, parseIp } from "../base/ip-address.ts";

/** How many proxies stand in front, each of which appends one address, or which networks they are in. */
export type ProxyTrust = number | readonly Network[];

export interface ClientAddress {
  /** In its one spelling; `unknown` when the peer has none. */
  text: string;
  ip: IpAddress | null;
  /** Whether the peer that connected to us is one of the trusted proxies. */
  throughProxy: boolean;
}

/** `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`, each also in quotes. */
const ENTRY = /^"?(?:\[([^\]]+)\](?::\d{1,5})?|(\d+\.\d+\.\d+\.\d+)(?::\d{1,5})?|([^"[\]]+))"?$/;

/** An entry of `X-Forwarded-For`; null when it is no address (`unknown`, an obfuscated name, garbage). */
export function parseForwardedEntry(entry: string): IpAddress | null {
  const [, bracketed, dotted, plain] = ENTRY.exec(entry.trim()) ?? [];
  return parseIp(bracketed ?? dotted ?? plain ?? "");
}

export function clientAddress(
  request: Pick<IncomingMessage, "headers" | "socket">,
  trust: ProxyTrust,
): ClientAddress {
  const peer = parseIp(request.socket.remoteAddress ?? "");
  if (peer === null) return { text: "unknown", ip: null, throughProxy: false };
  const trusted = (ip: IpAddress, hop: number): boolean =>
    typeof trust === "number" ? hop < trust : isInsideAny(ip, trust);
  let ip = peer;
  const entries = forwardedFor(request);
  for (let hop = 0; trusted(ip, hop); hop += 1) {
    const entry = entries.pop();
    const next = entry === undefined ? null : parseForwardedEntry(entry);
    // The chain ends here, or is garbage from here on: the proxy itself is the last that is known.
    if (next === null) break;
    ip = next;
  }
  return { text: formatIp(ip), ip, throughProxy: trusted(peer, 0) };
}

function forwardedFor({ headers }: Pick<IncomingMessage, "headers">): string[] {
  const header = headers["x-forwarded-for"];
  const text = Array.isArray(header) ? header.join() : (header ?? "");
  return text === "" ? [] : text.split(",");
}
