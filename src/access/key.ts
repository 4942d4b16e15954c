/**
 * API keys as text: `ls_<id>_<secret>`, how one is made, read and compared.
 */
import { createHash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import type { StoredKey } from "../store/keys.ts";

/** `transcribe`: send audio. `read`: see transcripts. `numbers`: with `read`, phone numbers whole. `admin`: everything, and what has no other scope. */
export const SCOPES = ["transcribe", "read", "numbers", "admin"] as const;
export type Scope = (typeof SCOPES)[number];

const ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const ID_LENGTH = 8;
const SECRET_BYTES = 32;
/** The prefix lets secret scanners, and people, recognise a key; 43 letters of base64url are 32 bytes. */
const KEY = /^ls_([a-z0-9]{8})_([A-Za-z0-9_-]{43})$/;

export interface KeyText {
  id: string;
  /** SHA-256 of the secret. [32] */
  hash: Uint8Array;
}

/** A new secret for a key: its text, to be shown once, and what is stored. */
export function createKeyText(id: string = createId()): KeyText & { text: string } {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { id, hash: hashOf(secret), text: `ls_${id}_${secret}` };
}

function createId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join("");
}

/** Null when `text` does not look like a key. */
export function parseKeyText(text: string): KeyText | null {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, hash: hashOf(secret) };
}

/**
 * One round of SHA-256 is enough: slow hashes protect passwords that can be guessed, and nobody guesses 256 random bits.
 * A slow one would only let strangers keep our processor busy.
 */
function hashOf(secret: string): Uint8Array {
  return createHash("sha256").update(secret).digest();
}

export type KeyVerdict = "ok" | "unknown" | "expired" | "revoked";

/**
 * Whether a secret opens a key now. Who does not have the secret learns `unknown`, whatever the state of the key; a
 * secret that was rotated away is `expired` once its time of grace is over.
 *
 * @param now - Epoch ms.
 */
export function verifyKey(key: StoredKey | null, hash: Uint8Array, now: number): KeyVerdict {
  if (key === null) return "unknown";
  // Both are compared, and in constant time: how long it takes says nothing of how much of a hash was right.
  const current = timingSafeEqual(key.secretHash, hash);
  const previous = key.previousHash !== null && timingSafeEqual(key.previousHash, hash);
  if (!current && !previous) return "unknown";
  if (key.revokedAt !== null) return "revoked";
  if (key.expiresAt !== null && key.expiresAt <= now) return "expired";
  if (!current && (key.previousUntil ?? 0) <= now) return "expired";
  return "ok";
}

/** When a secret stops opening a key unless something happens before, epoch ms or Infinity. */
export function endOf(key: StoredKey, hash: Uint8Array): number {
  const grace = timingSafeEqual(key.secretHash, hash) ? null : key.previousUntil;
  return Math.min(key.expiresAt ?? Infinity, grace ?? Infinity);
}

/** Whether a key with `scopes` may do what needs `scope`. */
export function allows(scopes: readonly string[], scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes("admin");
}
