/**
 * Checks the carrier's request signature (X-Twilio-Signature) against the configured public URL.
 *
 * The URL is never taken from request headers: behind a proxy they say what the proxy wants, and without one
 * they say what the peer wants. Nothing here throws, because a throw would be a way past the check.
 */

// The package's entry point loads its REST client and an HTTP library that we do not use; this file does not.
import { validateBody, validateRequest } from "twilio/lib/webhooks/webhooks.js";
import { publicAddress } from "./address.ts";

/**
 * What is asked of a media socket's upgrade request.
 *
 * `ifPresent` is the default: no captured handshake shows whether the carrier signs it, and which form of the URL
 * it signs. It is no authentication, as a peer can leave the header out; the stream token is what authenticates.
 */
export type UpgradePolicy = "required" | "ifPresent" | "off";

export interface SignatureKeys {
  /** Any of them may have signed, so that tokens rotate. */
  authTokens: readonly string[];
  publicUrl: string;
  /** What the media socket is under, where that is another address than `publicUrl`. */
  mediaUrl?: string | undefined;
}

export interface SignedRequest {
  /** Path and query as they were received. */
  originalUrl: string;
  signature: string | undefined;
  /** Parsed form parameters; repeated ones as arrays. */
  params: Record<string, unknown>;
  /** Body as received; needed when the URL carries `bodySHA256`. */
  rawBody?: string | undefined;
}

export type SignatureVerdict =
  | { valid: true }
  | { valid: false; reason: "missing" | "mismatch"; checkedUrls: readonly string[] };

/** Checks the signature of an HTTP request. */
export function checkRequest(keys: SignatureKeys, request: SignedRequest): SignatureVerdict {
  const url = publicAddress(keys.publicUrl, request.originalUrl);
  const hash = bodyHash(url);
  if (hash === null) return verdict(keys, request.signature, [url], request.params);
  const signed = verdict(keys, request.signature, [url], {});
  if (!signed.valid) return signed;
  const intact = attempt(() => validateBody(request.rawBody ?? "", hash));
  return intact ? signed : { valid: false, reason: "mismatch", checkedUrls: [url] };
}

/** Checks the signature of a WebSocket upgrade, which is over the `wss` URL without parameters. */
export function checkUpgrade(
  keys: SignatureKeys,
  policy: UpgradePolicy,
  path: string,
  signature: string | undefined,
): SignatureVerdict {
  if (policy === "off" || (policy === "ifPresent" && signature === undefined)) return { valid: true };
  return verdict(keys, signature, upgradeCandidates(keys.mediaUrl ?? keys.publicUrl, path), {});
}

/**
 * The URLs that an upgrade may have been signed over: with and without a trailing slash, since proxies add and drop
 * it. `wss` without a port is tried as `:443`: the library accepts the form without a port for that one as well,
 * but adds `:80` to a `wss` URL that has none.
 */
export function upgradeCandidates(publicUrl: string, path: string): string[] {
  const base = publicUrl.replace(/\/+$/, "").replace(/^http/i, "ws");
  const [, origin = base, prefix = ""] = /^(wss?:\/\/[^/]*)(.*)$/i.exec(base) ?? [];
  const withPort = /^wss:/i.test(origin) && !/:\d+$/.test(origin) ? `${origin}:443` : origin;
  const bare = (prefix + path).replace(/\/+$/, "");
  return [`${withPort}${bare}`, `${withPort}${bare}/`];
}

/** The `bodySHA256` of a URL's query, or null. */
function bodyHash(url: string): string | null {
  const query = url.indexOf("?");
  return query === -1 ? null : new URLSearchParams(url.slice(query + 1)).get("bodySHA256");
}

function verdict(
  { authTokens }: SignatureKeys,
  signature: string | undefined,
  urls: readonly string[],
  params: Record<string, unknown>,
): SignatureVerdict {
  if (signature === undefined || signature === "") {
    return { valid: false, reason: "missing", checkedUrls: urls };
  }
  const valid = authTokens.some(
    (token) =>
      token !== "" && urls.some((url) => attempt(() => validateRequest(token, signature, url, params))),
  );
  return valid ? { valid } : { valid, reason: "mismatch", checkedUrls: urls };
}

/** The library throws on URLs that `new URL()` refuses; that is a request we do not know. */
function attempt(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}
