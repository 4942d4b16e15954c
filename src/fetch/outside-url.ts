/**
 * URLs that outsiders give: what is not plainly an http(s) URL with a name or an address is refused before anything is asked.
 */
import { LinescribeError } from "../base/error.ts";

const LENGTH_MAXIMUM = 2048;
const STANDARD_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };
/** The URL standard drops or turns these round, and other readers of the same text may not. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const AMBIGUOUS = /[\u0000-\u0020\u007f\\]/;

/**
 * Reads a URL. Every spelling of an address (decimal, octal, hexadecimal, short, in other digits) comes out as the address,
 * a name without its closing dot.
 *
 * @param ports - Ports that may be connected to.
 * @throws {LinescribeError} FETCH_BAD_URL, whose message is for the one who gave the URL and does not repeat it.
 */
export function parseOutsideUrl(text: string, ports: readonly number[], base?: URL): URL {
  if (text.length > LENGTH_MAXIMUM) throw badUrl(`at most ${LENGTH_MAXIMUM} characters`);
  if (AMBIGUOUS.test(text)) throw badUrl("no spaces, control characters or backslashes");
  if (!URL.canParse(text, base?.href)) throw badUrl("a URL such as https://example.com/file");
  const url = new URL(text, base);
  const standardPort = STANDARD_PORTS[url.protocol];
  if (standardPort === undefined) throw badUrl("http or https");
  if (url.username !== "" || url.password !== "") throw badUrl("no user or password in the URL");
  const port = url.port === "" ? standardPort : Number(url.port);
  if (!ports.includes(port)) throw badUrl(`one of the ports ${ports.join(", ")}`);
  url.hostname = url.hostname.replace(/\.$/, "");
  if (!isName(url.hostname)) throw badUrl("a host name or an address");
  url.hash = "";
  return url;
}

/** A name that could be one in the DNS, or an address; `localhost` is neither, whoever resolves it. */
function isName(hostname: string): boolean {
  if (hostname.startsWith("[")) return true;
  if (/(^|\.)localhost$/.test(hostname)) return false;
  return hostname.length <= 253 && hostname.split(".").every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}

function badUrl(expected: string): LinescribeError {
  return new LinescribeError("FETCH_BAD_URL", `Expected ${expected}`);
}

/** The host of a URL as an address guard and a resolver take it. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
