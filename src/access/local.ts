/**
 * Whether a request came straight from this machine, for a server without keys.
 *
 * A proxy or tunnel on the same machine also connects from loopback, and a web page elsewhere can make a browser here do it.
 * So there must be no trace of either.
 */
import type { IncomingMessage } from "node:http";
import { isLoopbackIp, parseIp } from "../base/ip-address.ts";
import type { ClientAddress } from "./client-address.ts";

/** What proxies, tunnels and content networks add. */
const TRACES = [
  "forwarded",
  "via",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "x-original-forwarded-for",
  "x-original-host",
  "x-envoy-external-address",
  "x-amzn-trace-id",
  "true-client-ip",
  "fastly-client-ip",
  "fly-client-ip",
  "cdn-loop",
  "cf-connecting-ip",
  "cf-ray",
];
const TRACE_PREFIX = "x-forwarded";

/** Why a request is not from this machine, or null when it is. */
export function remoteTrace(
  request: Pick<IncomingMessage, "headers" | "httpVersion">,
  { ip, throughProxy }: ClientAddress,
): string | null {
  if (ip === null || !isLoopbackIp(ip)) return "it comes from another machine";
  if (throughProxy) return "it comes from a trusted proxy";
  const names = Object.keys(request.headers);
  if (names.some((name) => name.startsWith(TRACE_PREFIX) || TRACES.includes(name)))
    return "it came through a proxy";
  // nginx speaks HTTP/1.0 to what is behind it unless told otherwise; no client of ours does.
  if (request.httpVersion === "1.0") return "it came through a proxy, or speaks HTTP/1.0";
  // A name that somebody else points at 127.0.0.1 (DNS rebinding), or that a proxy passed on.
  if (!isLocalHost(request.headers.host ?? "")) return "its Host is not a name of this machine";
  return null;
}

/** `localhost`, `*.localhost` or a loopback address, with or without a port. */
export function isLocalHost(host: string): boolean {
  const [, bracketed, name = ""] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(host) ?? [];
  const ip = parseIp(bracketed ?? name);
  if (ip !== null) return isLoopbackIp(ip);
  return /^([a-z0-9-]+\.)*localhost\.?$/i.test(name);
}
