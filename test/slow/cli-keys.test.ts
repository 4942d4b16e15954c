import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { createAccess } from "../../src/access/access.ts";
import { parseKeyText, verifyKey } from "../../src/access/key.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openStore } from "../../src/store/store.ts";
import { codeOf, LIMITS, startRig } from "../access/rig.ts";
import { jsonLines, run, temporaryFolder } from "../cli/command.ts";

interface Listed {
  id: string;
  name: string;
  scopes: string[];
  state: string;
  expiresAt: number | null;
}

const KEY = /ls_[a-z0-9]{8}_[\w-]{43}/g;

test("the first key is made where there is no store yet, shown once, and found nowhere afterwards", async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, "data", "keys.db");
  const environment = { LINESCRIBE_STORE: file };
  const create = await run(["keys", "create", "First admin", "--scope", "admin"], folder, environment);
  assert.deepEqual([create.code, create.stderr], [0, ""]);
  const shown = create.stdout.match(KEY) ?? [];
  assert.equal(shown.length, 1);
  assert.match(create.stdout, /first key.*every request needs one/);
  const [text] = shown as [string];
  const secret = text.slice(12);

  const second = await run(["keys", "create", "App", "--expires", "90d", "--json"], folder, environment);
  const [made] = jsonLines<{ id: string; key: string; scopes: string[]; expiresAt: number }>(second.stdout);
  assert.ok(made);
  assert.deepEqual(made.scopes, ["transcribe", "read"]);
  assert.ok(Math.abs(made.expiresAt - Date.now() - 90 * 86_400_000) < 60_000);

  const [list, json] = await Promise.all([
    run(["keys", "list"], folder, environment),
    run(["keys", "list", "--json"], folder, environment),
  ]);
  assert.match(list.stdout, new RegExp(`^${text.slice(3, 11)} +First admin +admin +active `, "m"));
  assert.deepEqual(
    jsonLines<Listed>(json.stdout).map(({ name, scopes, state }) => [name, scopes, state]),
    [
      ["First admin", ["admin"], "active"],
      ["App", ["transcribe", "read"], "active"],
    ],
  );
  for (const output of [list.stdout, json.stdout]) assert.ok(!output.includes(secret), "no secret in a list");
  for (const name of [file, `${file}-wal`]) {
    if (existsSync(name)) assert.ok(!readFileSync(name, "latin1").includes(secret), name);
  }
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test("a running server obeys create, rotate and revoke without a restart", async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, "server.db");
  const server = openStore({ path: file, exclusive: true });
  t.after(() => server.close());
  const rig = await startRig(t, { keys: () => server.keys, now: Date.now });
  const keys = (...args: string[]) => run(["keys", ...args], folder, { LINESCRIBE_STORE: file });
  const asked = (key: string) => codeOf(rig, { authorization: `Token ${key}` });
  const keyOf = (stdout: string): string => (stdout.match(KEY) ?? [])[0] as string;
  assert.equal(await asked("none"), "ok");

  const first = keyOf((await keys("create", "App")).stdout);
  assert.equal(await asked("none"), "ACCESS_KEY_UNKNOWN");
  assert.equal(await asked(first), "ok");
  const id = first.slice(3, 11);

  const rotated = await keys("rotate", id);
  assert.match(rotated.stdout, /works until/);
  const second = keyOf(rotated.stdout);
  assert.equal(second.slice(0, 11), first.slice(0, 11));
  assert.deepEqual([await asked(first), await asked(second)], ["ok", "ok"]);

  const third = keyOf((await keys("rotate", id, "--grace", "0")).stdout);
  const codes = [await asked(first), await asked(second), await asked(third)];
  assert.deepEqual(codes, ["ACCESS_KEY_UNKNOWN", "ACCESS_KEY_UNKNOWN", "ok"]);

  const revoked = await keys("revoke", id, "aaaaaaaa");
  assert.deepEqual([revoked.code, revoked.stdout.slice(0, 9)], [1, "1 revoked"]);
  assert.match(revoked.stderr, /ACCESS_KEY_UNKNOWN: There is no key aaaaaaaa/);
  assert.equal(await asked(third), "ACCESS_KEY_REVOKED");
  const again = await keys("rotate", id);
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(again.stderr, /ACCESS_KEY_REVOKED/);
});

test("an expired key is rotated only with more time, and the secret before does not live longer for it", async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, "linescribe.db");
  const store = openStore({ path: file });
  t.after(() => store.close());
  const old = parseKeyText(`ls_abcdefgh_${"x".repeat(43)}`);
  assert.ok(old);
  const expiresAt = Date.now() - 1000;
  const [secretHash, scopes] = [old.hash, ["read"]];
  store.keys.add({ id: old.id, name: "Old", scopes, secretHash, createdAt: 0, expiresAt });
  const environment = { LINESCRIBE_STORE: file };
  const refused = await run(["keys", "rotate", old.id], folder, environment);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /ACCESS_KEY_EXPIRED: .*--expires/);
  const done = await run(
    ["keys", "rotate", old.id, "--expires", "2999-01-01", "--json"],
    folder,
    environment,
  );
  const [rotated] = jsonLines<{ key: string; previousUntil: null; expiresAt: number }>(done.stdout);
  assert.ok(rotated);
  assert.deepEqual([rotated.previousUntil, rotated.expiresAt], [null, Date.UTC(2999, 0, 1)]);
  const key = store.keys.get(old.id);
  assert.equal(verifyKey(key, old.hash, Date.now()), "unknown");
  assert.equal(verifyKey(key, parseKeyText(rotated.key)?.hash as Uint8Array, Date.now()), "ok");
});

test("keys are looked after whatever else is wrong with the configuration, but not where there is no store", async (t) => {
  const folder = temporaryFolder(t);
  const settings = { port: "x", store: { path: "here.db" } };
  writeFileSync(path.join(folder, "linescribe.config.json"), JSON.stringify(settings));
  for (const args of [["list"], ["rotate", "aaaaaaaa"], ["revoke", "aaaaaaaa"]]) {
    const { code, stderr } = await run(["keys", ...args], folder);
    assert.equal(code, 1);
    assert.match(stderr, /^STORE_FAILED: There is no store at /);
  }
  assert.ok(!existsSync(path.join(folder, "here.db")));
  assert.equal((await run(["keys", "create", "App"], folder)).code, 0);
  assert.ok(existsSync(path.join(folder, "here.db")));
});

test("a server says at its start whether there is a key", (t) => {
  const store = openStore({ path: path.join(temporaryFolder(t), "linescribe.db") });
  t.after(() => store.close());
  const said: string[] = [];
  const log = { ...silentLogger, warn: (_: object, message: string) => said.push(message) };
  const start = () =>
    createAccess({
      keys: store.keys,
      trustedProxies: 0,
      origins: [],
      publicUrl: null,
      maximumSessionMs: 1,
      limits: LIMITS,
      log,
      counters: new Counters(),
    }).close();
  start();
  assert.match(said.join(), /no API key.*this machine only/);
  const key = { id: "a", name: "a", scopes: [], createdAt: 0, expiresAt: null };
  store.keys.add({ ...key, secretHash: new Uint8Array(32) });
  start();
  assert.equal(said.length, 1);
});
