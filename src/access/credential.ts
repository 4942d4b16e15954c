/**
 * Where a request carries its key: the `Authorization` header, or the subprotocols of a browser's WebSocket.
 *
 * Not the query: URLs end up in access logs, histories and referrers.
 */
import type { IncomingMessage } from "node:http";

/** The words that announce a key, as header schemes and as subprotocols. */
const SCHEMES = ["bearer", "token"];
const HEADER = /^(bearer|token) +([^\s,]+) *$/i;
/** What a key can at most be long; more is not even looked at. */
const KEY_MAXIMUM = 200;

/** `none`: no key was given. `unreadable`: something was, but no single key. */
export type Credential = { kind: "none" } | { kind: "unreadable" } | { kind: "key"; text: string };

type Headers = Pick<IncomingMessage, "headers">;

/** The key of a request. Two different keys are none: which one counts must not depend on who reads first. */
export function credentialOf({ headers }: Headers): Credential {
  const found: Credential[] = [];
  const { authorization } = headers;
  if (authorization !== undefined) found.push(readHeader(authorization));
  const offered = headers["sec-websocket-protocol"];
  if (offered !== undefined) found.push(readProtocols(offered));
  const given = found.filter(({ kind }) => kind !== "none");
  const [first = { kind: "none" as const }, ...others] = given;
  const differs = others.some((other) => JSON.stringify(other) !== JSON.stringify(first));
  return differs ? { kind: "unreadable" } : first;
}

function readHeader(header: string): Credential {
  const text = HEADER.exec(header.trim())?.[2];
  return text === undefined || text.length > KEY_MAXIMUM ? { kind: "unreadable" } : { kind: "key", text };
}

/** `token, <key>` or `bearer, <key>`, also between subprotocols of another meaning. */
function readProtocols(header: string): Credential {
  const names = header.split(",").map((name) => name.trim());
  const at = names.findIndex((name) => SCHEMES.includes(name.toLowerCase()));
  if (at === -1) return { kind: "none" };
  const text = names[at + 1] ?? "";
  return text === "" || text.length > KEY_MAXIMUM ? { kind: "unreadable" } : { kind: "key", text };
}

/**
 * What a socket answers to the subprotocols that were offered, for `handleProtocols` of `ws`: the word before the key,
 * never the key. Browsers end a connection whose offer was not answered.
 */
export function acceptedSubprotocol(offered: ReadonlySet<string>): string | false {
  for (const name of offered) if (SCHEMES.includes(name.toLowerCase())) return name;
  return false;
}
