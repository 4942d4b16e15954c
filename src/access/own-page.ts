/**
 * Whether a request with a cookie comes from a page of ours: browsers send cookies along with what any page asks for, and
 * CORS does not hold for WebSockets.
 */
import type { IncomingMessage } from "node:http";

type OwnRequest = Pick<IncomingMessage, "headers" | "method">;

const SAFE_METHODS = ["GET", "HEAD"];

/**
 * `access.origins` does not count here: what those pages do, they do with a key of their own.
 *
 * | request            | is ours                                                                            |
 * |--------------------|------------------------------------------------------------------------------------|
 * | with `Origin`      | when it is our own                                                                 |
 * | a socket           | else never: browsers send `Origin` with every one                                  |
 * | `Sec-Fetch-Site`   | when it says `same-origin`; reading also from an address bar, a bookmark or a link |
 * | neither of both    | when it only reads: pages without TLS get none, and cannot read what others ask for |
 */
export function fromOwnPage({ headers, method = "GET" }: OwnRequest, publicUrl: string | null): boolean {
  const { origin, host = "" } = headers;
  if (origin !== undefined) return isOwnOrigin(origin, host, publicUrl);
  if (headers.upgrade !== undefined) return false;
  const reads = SAFE_METHODS.includes(method);
  const site = headers["sec-fetch-site"];
  if (site === undefined) return reads;
  if (site === "same-origin") return true;
  return reads && (site === "none" || headers["sec-fetch-mode"] === "navigate");
}

/** Behind a proxy that ends TLS we know our own scheme only when `publicUrl` says it. */
function isOwnOrigin(origin: string, host: string, publicUrl: string | null): boolean {
  if (publicUrl !== null && origin === new URL(publicUrl).origin) return true;
  if (!URL.canParse(origin) || isPublicHost(host, publicUrl)) return false;
  const { protocol, host: pageHost } = new URL(origin);
  const ours = `${protocol}//${host}`;
  return host !== "" && URL.canParse(ours) && new URL(ours).host === pageHost && pageHost !== "";
}

/** Whether a `Host` is that of the public URL. */
function isPublicHost(host: string, publicUrl: string | null): boolean {
  if (publicUrl === null) return false;
  const { protocol, host: publicHost } = new URL(publicUrl);
  const asked = `${protocol}//${host}`;
  return host !== "" && URL.canParse(asked) && new URL(asked).host === publicHost;
}

/** Whether the page of a request is known to have TLS: its `Origin` says so, or it was asked for at a public https URL. */
export function isSecurePage({ headers }: OwnRequest, publicUrl: string | null): boolean {
  const { origin, host = "" } = headers;
  if (origin !== undefined) return origin.startsWith("https:");
  return publicUrl?.startsWith("https:") === true && isPublicHost(host, publicUrl);
}
