import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { openStore } from "../../src/store/store.ts";
import type { OutboxRow } from "../../src/store/upkeep.ts";
import { jsonLines, run, temporaryFolder } from "../cli/command.ts";
import { ended, final, sampleCall, started } from "../store/sample.ts";

const CALL = "CA1";

test("the outbox is listed, retried and dropped while a server has the store, without tokens or a valid rest", async (t) => {
  const folder = temporaryFolder(t);
  // The working folder's own file: faulty wherever these commands have no business.
  writeFileSync(
    path.join(folder, "linescribe.config.json"),
    JSON.stringify({ port: "x", store: { path: "events.db" } }),
  );
  const store = openStore({ path: path.join(folder, "events.db"), exclusive: true });
  t.after(() => store.close());
  store.openCall(sampleCall(CALL, { endpoint: "http://127.0.0.1:9/hook?key=private" }));
  store.commit(CALL, [started(), final(1), ended()]);
  const [head] = store.dueHeads("http://127.0.0.1:9/hook?key=private", Date.now(), 1);
  assert.ok(head);
  const outcome = { at: Date.now(), nextAt: 0, strike: true, status: 500, error: null, response: null };
  store.settle([{ head, outcome: "dead", ...outcome }]);
  const environment = { LINESCRIBE_PUBLIC_URL: "nonsense", LINESCRIBE_SURPRISE: "1" };

  const [all, dead] = await Promise.all([
    run(["outbox", "list"], folder, environment),
    run(["outbox", "list", "--state", "dead", "--json"], folder, environment),
  ]);
  assert.deepEqual([all.code, all.stderr, dead.code], [0, "", 0]);
  assert.equal(all.stdout.trim().split("\n").length, 4);
  assert.match(all.stdout, /^1 +dead +call\.started +CA1 +1 .* 500 +http:\/\/127\.0\.0\.1:9\/hook$/m);
  assert.deepEqual(
    jsonLines<OutboxRow>(dead.stdout).map(({ id, state }) => ({ id, state })),
    [{ id: 1, state: "dead" }],
  );

  const retry = await run(["outbox", "retry", "--since", "1h"], folder, environment);
  assert.deepEqual([retry.code, retry.stdout.slice(0, 2)], [0, "1 "]);
  assert.deepEqual(
    store.listOutbox().map(({ state }) => state),
    ["pending", "pending", "pending"],
  );

  const drop = await run(["outbox", "drop", "2", "77"], folder, environment);
  assert.equal(drop.code, 1);
  assert.match(drop.stderr, /STORE_FAILED: 1 of 2 ids/);
  assert.deepEqual(
    store.listOutbox().map(({ id }) => id),
    [1, 3],
  );
});

test("a store that is not there is an error and is not created", async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, "data/none.db");
  const { code, stderr } = await run(["outbox", "list"], folder, { LINESCRIBE_STORE: file });
  assert.equal(code, 1);
  assert.match(stderr, /^STORE_FAILED: There is no store at /);
  assert.ok(!existsSync(path.dirname(file)));
});

test("callbacks of API callers are listed without what their URLs may hide", async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, "linescribe.config.json");
  writeFileSync(file, JSON.stringify({ store: { path: "events.db" } }));
  const { callbacks, close } = bound(openStore({ path: path.join(folder, "events.db"), exclusive: true }));
  t.after(close);
  const bounds = { rows: 9, rowsPerKey: 9, bytes: 999, bytesPerKey: 999 };
  const url = "https://receiver.example:8443/private?token=private";
  const row = { requestId: "request", keyId: "key", url, method: "POST", body: "spoken" } as const;
  callbacks.add(row, "pending", bounds, Date.now());
  const [head] = callbacks.due(Date.now(), 1, []);
  assert.ok(head);
  const outcome = { outcome: "dead", at: Date.now(), nextAt: 0, status: 500, error: null } as const;
  callbacks.settle([{ head, ...outcome }]);
  callbacks.add({ ...row, requestId: "other" }, "promised", bounds, Date.now());
  const [plain, json] = await Promise.all([
    run(["outbox", "callbacks"], folder),
    run(["outbox", "callbacks", "--json"], folder),
  ]);
  assert.match(plain.stdout, /^1 +dead +request +key +1 .* 500 +https:\/\/receiver\.example:8443$/m);
  assert.match(plain.stdout, /^2 +promised +other /m);
  assert.equal(jsonLines(json.stdout).length, 2);
  assert.doesNotMatch(plain.stdout + json.stdout, /private|spoken/);
});

function bound(store: ReturnType<typeof openStore>) {
  return { callbacks: store.callbacks, close: () => store.close() };
}
