/**
 * The cookie of a login: its name, how it is set, and where a request carries it.
 */
import type { IncomingMessage } from "node:http";

/** With TLS: browsers take a name with this prefix from the host itself only, with `Secure` and for every path. */
const SECURE_NAME = "__Host-linescribe_login";
const PLAIN_NAME = "linescribe_login";
/** 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

type Headers = Pick<IncomingMessage, "headers">;

/**
 * The token of a request; null without a cookie, empty when there is no single token in it: of two cookies of one name,
 * which nobody but a stranger sets, neither counts.
 *
 * @param secureOnly - The page is known to have TLS: then the name without the prefix, which other hosts of the domain and
 *   pages without TLS can set, does not count.
 */
export function loginTokenOf({ headers }: Headers, secureOnly: boolean): string | null {
  const names = secureOnly ? [SECURE_NAME] : [SECURE_NAME, PLAIN_NAME];
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim());
  for (const name of names) {
    const values = pairs
      .filter((pair) => pair.startsWith(`${name}=`))
      .map((pair) => pair.slice(name.length + 1));
    if (values.length > 0)
      return values.length === 1 && TOKEN.test(values[0] as string) ? (values[0] as string) : "";
  }
  return null;
}

/** `Set-Cookie` of a login. `Lax`: links from elsewhere find their reader logged in, requests of other pages do not. */
export function loginCookie(
  token: string,
  { secure, maximumMs }: { secure: boolean; maximumMs: number },
): string {
  const name = secure ? SECURE_NAME : PLAIN_NAME;
  const age = Math.max(0, Math.floor(maximumMs / 1000));
  return `${name}=${token}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}

/** `Set-Cookie` headers after which no login is left. */
export function noLoginCookies(): string[] {
  return [true, false].map((secure) => loginCookie("", { secure, maximumMs: 0 }));
}
