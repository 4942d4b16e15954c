/**
 * The key that signs stream tokens.
 */
import { hkdfSync, randomBytes } from "node:crypto";

/**
 * Derived from the auth token, so that a token outlives a restart of the server between webhook and stream and every
 * node with the same configuration accepts it; random where there is none (insecure, on loopback).
 */
export function streamTokenKey(authTokens: readonly string[]): Uint8Array {
  const [secret] = authTokens;
  if (secret === undefined) return randomBytes(32);
  return new Uint8Array(hkdfSync("sha256", secret, "", "linescribe stream token", 32));
}
