/**
 * Signs and verifies webhooks by Standard Webhooks 1.0.0, symmetric scheme (`v1`).
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { LinescribeError } from "../base/error.ts";

const SECRET_PREFIX = "whsec_";
/** The specification's range for the length of a secret. */
const SECRET_BYTES_MINIMUM = 24;
const SECRET_BYTES_MAXIMUM = 64;
/** How far the clocks of sender and receiver may be apart: the tolerance of the reference libraries. */
const TOLERANCE_MS = 5 * 60_000;
/** Signatures looked at, at most: a header is as long as its sender likes. */
const SIGNATURES_MAXIMUM = 16;

export interface SignatureHeaders {
  "webhook-id": string;
  /** Unix seconds of this attempt. */
  "webhook-timestamp": string;
  /** `v1,<base64>`, one for each secret, separated by spaces. */
  "webhook-signature": string;
}

/**
 * Reads a secret: `whsec_` and the base64 of 24 to 64 bytes.
 *
 * @throws {LinescribeError} CONFIG_INVALID, without the secret in its message.
 */
export function parseSecret(secret: string): Buffer {
  const encoded = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : null;
  const key = encoded === null ? null : Buffer.from(encoded, "base64");
  // Node skips what is not base64, so a typing error would sign with another key: only a faithful copy counts.
  if (key === null || unpadded(key.toString("base64")) !== unpadded(encoded as string)) {
    throw new LinescribeError("CONFIG_INVALID", 'Expected a webhook secret of the form "whsec_<base64>"');
  }
  if (key.length < SECRET_BYTES_MINIMUM || key.length > SECRET_BYTES_MAXIMUM) {
    throw new LinescribeError(
      "CONFIG_INVALID",
      `Expected a webhook secret of ${SECRET_BYTES_MINIMUM} to ${SECRET_BYTES_MAXIMUM} bytes, got ${key.length}`,
    );
  }
  return key;
}

/** A new random secret of 32 bytes, as text. */
export function createSecret(): string {
  return SECRET_PREFIX + randomBytes(32).toString("base64");
}

/**
 * Signs one attempt.
 *
 * @param message.id - Message id, the same at every attempt; without a ".", which separates the signed parts.
 * @param message.at - Time of this attempt, epoch ms.
 * @param message.body - Body exactly as it is sent.
 * @param secrets - All keys that a receiver may hold, at least one: the new and the old while keys rotate.
 */
export function sign(
  message: { id: string; at: number; body: string },
  secrets: readonly string[],
): SignatureHeaders {
  if (secrets.length === 0) throw new RangeError("Expected at least one webhook secret");
  if (message.id.includes(".")) throw new RangeError('Expected a message id without "."');
  const timestamp = String(Math.floor(message.at / 1000));
  return {
    "webhook-id": message.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": secrets
      .map((secret) => `v1,${digest(parseSecret(secret), message.id, timestamp, message.body)}`)
      .join(" "),
  };
}

/**
 * Whether a request was signed with one of `secrets`, less than five minutes ago (or ahead).
 *
 * @param request.headers - As `node:http` gives them, lower-case.
 * @param request.body - Body exactly as it was received.
 * @param now - Epoch ms.
 */
export function verify(
  request: { headers: Record<string, string | string[] | undefined>; body: string | Buffer },
  secrets: readonly string[],
  now: number = Date.now(),
): boolean {
  const id = request.headers["webhook-id"];
  const timestamp = request.headers["webhook-timestamp"];
  const signatures = request.headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string") return false;
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp) * 1000) > TOLERANCE_MS) return false;
  const expected = secrets.map((secret) =>
    Buffer.from(digest(parseSecret(secret), id, timestamp, request.body)),
  );
  return signatures
    .split(" ", SIGNATURES_MAXIMUM)
    .filter((signature) => signature.startsWith("v1,"))
    .map((signature) => Buffer.from(signature.slice("v1,".length)))
    .some((given) => expected.some((own) => own.length === given.length && timingSafeEqual(own, given)));
}

function digest(key: Buffer, id: string, timestamp: string, body: string | Buffer): string {
  return createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
}

function unpadded(base64: string): string {
  return base64.replace(/={0,2}$/, "");
}
