/**
 * Which web pages may connect: browsers say in `Origin` whose page it is, and pages elsewhere are not trusted.
 */
import type { IncomingMessage } from "node:http";
import { isLocalHost } from "./local.ts";

/** @see Fetch, "origin of a request": scheme, host and port, or `null`; nothing that can be parsed away. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s]+$/i;

export interface OriginRules {
  /** Origins such as `https://app.example.com`; `*` is every one. */
  origins: readonly string[];
  /** Address by which clients know us, if any: its own pages may connect. */
  publicUrl: string | null;
}

/**
 * Whether the page behind a request may use us. Without `Origin` it is no page: browsers send it with every WebSocket and
 * with every request that changes something.
 *
 * @param keyless - No key protects us: then only pages of this machine, and pages named one by one, may connect.
 */
export function originAllowed(
  { headers }: Pick<IncomingMessage, "headers">,
  { origins, publicUrl }: OriginRules,
  keyless: boolean,
): boolean {
  const { origin } = headers;
  if (origin === undefined) return true;
  if (origins.includes(origin) || (!keyless && origins.includes("*"))) return true;
  if (!ORIGIN.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  if (keyless && !isLocalHost(page.host)) return false;
  if (publicUrl !== null && page.origin === new URL(publicUrl).origin) return true;
  return sameHost(page, headers.host ?? "");
}

/** The scheme is not compared: behind a proxy that ends TLS we do not know our own. */
function sameHost(page: URL, host: string): boolean {
  const ours = `${page.protocol}//${host}`;
  return host !== "" && ORIGIN.test(ours) && URL.canParse(ours) && new URL(ours).host === page.host;
}
