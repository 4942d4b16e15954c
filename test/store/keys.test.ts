import assert from "node:assert/strict";
import { test } from "node:test";
import Database from "better-sqlite3";
import { LinescribeError } from "../../src/base/error.ts";
import { migrate } from "../../src/store/schema.ts";
import { openStore } from "../../src/store/store.ts";
import { temporaryFile, temporaryStore } from "./sample.ts";

const hash = (byte: number): Uint8Array => Buffer.alloc(32, byte);
const NEW = {
  id: "abcdefgh",
  name: "Front desk – 東京",
  scopes: ["transcribe", "read"],
  secretHash: hash(1),
  createdAt: 1000,
  expiresAt: null,
};

test("a key comes back as it was added, and keys in the order in which they were made", (t) => {
  const { keys } = temporaryStore(t);
  assert.equal(keys.any(), false);
  keys.add({ ...NEW, id: "later", createdAt: 2000 });
  keys.add(NEW);
  assert.equal(keys.any(), true);
  const none = {
    previousHash: null,
    previousUntil: null,
    rotatedAt: null,
    revokedAt: null,
    lastUsedAt: null,
  };
  assert.deepEqual(keys.get("abcdefgh"), { ...NEW, ...none });
  assert.deepEqual(
    keys.list().map(({ id }) => id),
    ["abcdefgh", "later"],
  );
  assert.equal(keys.get("nobody"), null);
  assert.throws(() => keys.add(NEW), LinescribeError);
});

test("a rotation keeps the hash before for as long as it says, and a second one forgets the first", (t) => {
  const { keys } = temporaryStore(t);
  keys.add(NEW);
  const id = NEW.id;
  assert.equal(
    keys.rotate({ id, secretHash: hash(2), previousUntil: 5000, at: 3000, expiresAt: 9000 }),
    true,
  );
  const { secretHash, previousHash, previousUntil, rotatedAt, expiresAt } = keys.get(id) ?? {};
  assert.deepEqual(
    [secretHash, previousHash, previousUntil, rotatedAt, expiresAt],
    [hash(2), hash(1), 5000, 3000, 9000],
  );
  keys.rotate({ id, secretHash: hash(3), previousUntil: null, at: 4000, expiresAt: null });
  const after = keys.get(id);
  assert.deepEqual(
    [after?.secretHash, after?.previousHash, after?.previousUntil, after?.expiresAt],
    [hash(3), null, null, null],
  );
});

test("a revoked key stays revoked since the first time, and is rotated no more", (t) => {
  const { keys } = temporaryStore(t);
  keys.add(NEW);
  assert.deepEqual(
    [keys.revoke(NEW.id, 2000), keys.revoke(NEW.id, 3000), keys.revoke("nobody", 1)],
    [true, true, false],
  );
  assert.equal(keys.get(NEW.id)?.revokedAt, 2000);
  const rotation = { id: NEW.id, secretHash: hash(2), previousUntil: null, at: 4000, expiresAt: null };
  assert.equal(keys.rotate(rotation), false);
  assert.deepEqual(keys.get(NEW.id)?.secretHash, hash(1));
  assert.equal(keys.any(), true);
});

test("the time of last use never moves back", (t) => {
  const { keys } = temporaryStore(t);
  keys.add(NEW);
  for (const at of [5000, 4000])
    keys.saveLastUsed(
      new Map([
        [NEW.id, at],
        ["nobody", at],
      ]),
    );
  assert.equal(keys.get(NEW.id)?.lastUsedAt, 5000);
});

test("a store that is older than keys gets them, and keeps its calls", (t) => {
  const path = temporaryFile(t);
  const raw = new Database(path);
  migrate(raw, 1);
  raw.exec(`INSERT INTO call(call_sid, to_number, from_number, mode, opened_at, last_sequence)
      VALUES ('CA1', '+1', '+2', 'start', 5, 1);
    INSERT INTO event(call_sid, sequence, message_id, type, committed_at, body)
      VALUES ('CA1', 1, 'msg_CA1_started', 'call.started', 6, '{"type":"call.started","timestamp":"","data":{}}')`);
  raw.close();
  const migrated = openStore({ path });
  t.after(() => migrated.close());
  migrated.keys.add(NEW);
  assert.equal(migrated.keys.list().length, 1);
  assert.equal(migrated.events("CA1").length, 1);
});

test("what one process writes, another that has the store open sees at once", (t) => {
  const path = temporaryFile(t);
  const server = openStore({ path, exclusive: true });
  const command = openStore({ path });
  t.after(() => {
    command.close();
    server.close();
  });
  command.keys.add(NEW);
  assert.equal(server.keys.get(NEW.id)?.name, NEW.name);
  command.keys.revoke(NEW.id, 2000);
  assert.equal(server.keys.get(NEW.id)?.revokedAt, 2000);
});
