import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyText } from "../../src/access/key.ts";
import { KeyWatch } from "../../src/access/watch.ts";
import type { StoredKey } from "../../src/store/keys.ts";

const { id, hash } = createKeyText();
const KEY: StoredKey = {
  id,
  name: "test",
  scopes: ["read"],
  secretHash: hash,
  previousHash: null,
  previousUntil: null,
  createdAt: 0,
  rotatedAt: null,
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
};

test("a key is read once for all it opened, and not at all when nothing is open", () => {
  const watch = new KeyWatch();
  const read: string[] = [];
  const sweep = () =>
    watch.sweep((wanted) => {
      read.push(wanted);
      return KEY;
    }, 0);
  const opened = Array.from({ length: 5 }, () => watch.open(id, hash));
  sweep();
  assert.deepEqual(read, [id]);
  for (const { forget } of opened) forget();
  for (const { forget } of opened) forget();
  sweep();
  assert.deepEqual(read, [id]);
  assert.ok(opened.every(({ signal }) => !signal.aborted));
});

test("a key that is gone, expired or revoked ends all it opened, and what was forgotten stays as it is", () => {
  for (const [key, code] of [
    [null, "ACCESS_KEY_UNKNOWN"],
    [{ ...KEY, expiresAt: 5 }, "ACCESS_KEY_EXPIRED"],
    [{ ...KEY, revokedAt: 1 }, "ACCESS_KEY_REVOKED"],
    [{ ...KEY, secretHash: new Uint8Array(32), previousHash: hash, previousUntil: 5 }, "ACCESS_KEY_EXPIRED"],
  ] as const) {
    const watch = new KeyWatch();
    const [first, second, gone] = [watch.open(id, hash), watch.open(id, hash), watch.open(id, hash)];
    gone.forget();
    watch.sweep(() => key, 5);
    assert.deepEqual([first.signal.reason.code, second.signal.reason.code], [code, code]);
    assert.equal(gone.signal.aborted, false);
  }
});
