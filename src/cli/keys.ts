/**
 * `linescribe keys create|list|rotate|revoke`: works on the store alone; a running server obeys at once.
 */
import pc from "picocolors";
import { createKeyText, type Scope } from "../access/key.ts";
import { LinescribeError } from "../base/error.ts";
import type { StoredKey } from "../store/keys.ts";
import { type StoreFileOptions, withStore } from "./store-file.ts";
import { print, printJson, table } from "./terminal.ts";
import { printable } from "./terminal-text.ts";

interface KeysOptions extends StoreFileOptions {
  json?: boolean;
}

/** Makes the store too when there is none: the first key may be older than the first start of the server. */
export function createKey(
  name: string,
  { scope, expires, ...options }: KeysOptions & { scope: Scope[]; expires?: number },
): void {
  const { id, hash, text } = createKeyText();
  const key = {
    id,
    name,
    scopes: scope,
    secretHash: hash,
    createdAt: Date.now(),
    expiresAt: expires ?? null,
  };
  const first = withStore(
    options,
    ({ keys }) => {
      const none = !keys.any();
      keys.add(key);
      return none;
    },
    { create: true },
  );
  if (options.json) {
    printJson({ id, name, scopes: scope, createdAt: key.createdAt, expiresAt: key.expiresAt, key: text });
    return;
  }
  showSecret(text);
  if (first) print("This is the first key: from now on every request needs one, also from this machine.");
}

export function listKeys({ json, ...options }: KeysOptions): void {
  const keys = withStore(options, (store) => store.keys.list());
  const now = Date.now();
  if (json) {
    for (const { secretHash: _, previousHash: __, ...key } of keys)
      printJson({ ...key, state: stateOf(key, now) });
    return;
  }
  const head = ["ID", "NAME", "SCOPES", "STATE", "CREATED", "EXPIRES", "LAST USED"];
  print(keys.length === 0 ? "nothing" : table([head, ...keys.map((key) => cellsOf(key, now))]));
}

function cellsOf(key: StoredKey, now: number): string[] {
  const time = (at: number | null): string => (at === null ? "-" : new Date(at).toISOString());
  const { id, name, scopes, createdAt, expiresAt, lastUsedAt } = key;
  return [
    id,
    printable(name),
    scopes.join(),
    stateOf(key, now),
    time(createdAt),
    time(expiresAt),
    time(lastUsedAt),
  ];
}

type KeyState = "active" | "rotating" | "expired" | "revoked";

/** `rotating`: the secret before the last rotation still works. */
function stateOf(
  { revokedAt, expiresAt, previousUntil }: Pick<StoredKey, "revokedAt" | "expiresAt" | "previousUntil">,
  now: number,
): KeyState {
  if (revokedAt !== null) return "revoked";
  if (expiresAt !== null && expiresAt <= now) return "expired";
  return previousUntil !== null && previousUntil > now ? "rotating" : "active";
}

/**
 * Gives a key another secret; the one before works for `graceMs` more, but not longer than it would have.
 *
 * @throws {LinescribeError} ACCESS_KEY_UNKNOWN, ACCESS_KEY_REVOKED, or ACCESS_KEY_EXPIRED without a new `expires`.
 */
export function rotateKey(
  id: string,
  { grace: graceMs, expires, ...options }: KeysOptions & { grace: number; expires?: number },
): void {
  const { hash, text } = createKeyText(id);
  const at = Date.now();
  const rotated = withStore(options, ({ keys }) => {
    const key = keys.get(id);
    if (key === null) throw unknownKey(id);
    const state = stateOf(key, at);
    if (state === "revoked")
      throw new LinescribeError("ACCESS_KEY_REVOKED", `${id} is revoked; create another key`);
    const expiresAt = expires ?? key.expiresAt;
    if (expiresAt !== null && expiresAt <= at)
      throw new LinescribeError("ACCESS_KEY_EXPIRED", `${id} is expired; --expires gives it more time`);
    const graceEnd = Math.min(at + graceMs, key.expiresAt ?? Infinity);
    const previousUntil = graceEnd > at ? graceEnd : null;
    if (!keys.rotate({ id, secretHash: hash, previousUntil, at, expiresAt })) throw unknownKey(id);
    return { id, rotatedAt: at, expiresAt, previousUntil };
  });
  if (options.json) {
    printJson({ ...rotated, key: text });
    return;
  }
  showSecret(text);
  const { previousUntil } = rotated;
  print(
    previousUntil === null
      ? "The secret before works no longer."
      : `The secret before works until ${new Date(previousUntil).toISOString()}.`,
  );
}

/** @throws {LinescribeError} ACCESS_KEY_UNKNOWN when an id is not there; the others are revoked all the same. */
export function revokeKeys(ids: readonly string[], options: StoreFileOptions): void {
  const missing = withStore(options, ({ keys }) => ids.filter((id) => !keys.revoke(id, Date.now())));
  print(`${ids.length - missing.length} revoked; what they opened ends within seconds`);
  if (missing.length > 0) throw unknownKey(missing.join(", "));
}

function unknownKey(id: string): LinescribeError {
  return new LinescribeError("ACCESS_KEY_UNKNOWN", `There is no key ${id}`);
}

/** The only time that a secret is written anywhere. */
function showSecret(text: string): void {
  print(text);
  print(pc.dim("Keep it now: it is not stored, and is never shown again."));
}
