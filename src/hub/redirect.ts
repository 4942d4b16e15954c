/**
 * Redirects of a hub to where it stores files: what is followed, what is taken along, and which addresses are too far inside.
 */
import { LinescribeError } from "../base/error.ts";
import { isInsideAny, type Network, networksOf, parseIp } from "../base/ip-address.ts";

export type Headers = Readonly<Record<string, string>>;

export interface Hop {
  readonly url: URL;
  readonly headers: Headers;
}

/** Signed addresses of storage run to some 2,000 characters. */
const LOCATION_MAXIMUM = 8192;
const STATUSES = [301, 302, 303, 307, 308];
/** All that goes to another origin. A token never does. */
const HARMLESS = ["accept-encoding", "if-range", "range", "user-agent"];

/** Networks that a hub may be in and send us to another host of: this machine, this house. */
const INSIDE: readonly (readonly Network[])[] = [
  networksOf("127.0.0.0/8", "::1"),
  networksOf("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
];

export function isRedirect(status: number): boolean {
  return STATUSES.includes(status);
}

/**
 * The request behind a redirect.
 *
 * @throws {LinescribeError} HUB_BAD_REDIRECT for one without an address, to another scheme, or from https to http.
 */
export function nextHop({ url, headers }: Hop, location: string | undefined): Hop {
  if (location === undefined || location.length > LOCATION_MAXIMUM || !URL.canParse(location, url.href))
    throw badRedirect(url, "to no address");
  const next = new URL(location, url);
  if (next.protocol !== "https:" && next.protocol !== "http:")
    throw badRedirect(url, "to another scheme than https");
  if (url.protocol === "https:" && next.protocol === "http:") throw badRedirect(url, "from https to http");
  if (next.username !== "" || next.password !== "") throw badRedirect(url, "to an address with credentials");
  next.hash = "";
  if (next.origin === url.origin) return { url: next, headers };
  const kept = Object.entries(headers).filter(([name]) => HARMLESS.includes(name));
  return { url: next, headers: Object.fromEntries(kept) };
}

/** @param what - Goes on the sentence "HOST redirects ...". */
export function badRedirect({ host }: URL, what: string): LinescribeError {
  return new LinescribeError(
    "HUB_BAD_REDIRECT",
    `${host} redirects ${what}, which is not followed; pull from another hub with --from`,
  );
}

/**
 * Networks that are not public and yet may be redirected to: those that the hub itself is in. A public hub has no business
 * with what only this machine or this house can reach, and a mirror in the house none with this machine.
 *
 * @param addresses - Of the hub, as text.
 */
export function networksBeside(addresses: readonly string[]): Network[] {
  const ips = addresses.flatMap((text) => parseIp(text) ?? []);
  return INSIDE.filter((networks) => ips.some((ip) => isInsideAny(ip, networks))).flat();
}
