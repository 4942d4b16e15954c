/**
 * Redirects of answers to outsiders' URLs: where one leads, and what may be taken along.
 */
import { LinescribeError } from "../base/error.ts";
import { parseOutsideUrl } from "./outside-url.ts";

export type Headers = Readonly<Record<string, string>>;

export interface Hop {
  url: URL;
  headers: Headers;
}

const REDIRECTS = [301, 302, 303, 307, 308];
/** All that goes to another origin: nothing that says who we or our callers are. */
const HARMLESS = ["accept", "accept-language", "range", "user-agent"];

/** Where an answer leads, or null when it is no redirect. Only what has no body and changes nothing is sent again. */
export function locationOf(status: number, location: string | undefined, method: string): string | null {
  const repeatable = method === "GET" || method === "HEAD";
  return repeatable && REDIRECTS.includes(status) && location !== undefined ? location : null;
}

/**
 * The request behind a redirect; its URL is checked like the first one.
 *
 * @throws {LinescribeError} FETCH_BAD_URL for a URL that would not have been taken in the first place,
 *   FETCH_BAD_REDIRECT for one from https to http.
 */
export function nextHop({ url, headers }: Hop, location: string, ports: readonly number[]): Hop {
  const next = parseOutsideUrl(location, ports, url);
  if (url.protocol === "https:" && next.protocol === "http:")
    throw new LinescribeError("FETCH_BAD_REDIRECT", "The URL redirects from https to http");
  if (next.origin === url.origin) return { url: next, headers };
  const kept = Object.entries(headers).filter(([name]) => HARMLESS.includes(name.toLowerCase()));
  return { url: next, headers: Object.fromEntries(kept) };
}
