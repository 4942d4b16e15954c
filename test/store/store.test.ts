import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import Database from "better-sqlite3";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/schema.ts";
import { openStore } from "../../src/store/store.ts";
import { webhookBody } from "../../src/transcript/event.ts";
import { ended, final, gap, press, sampleCall, started, temporaryFile, temporaryStore } from "./sample.ts";

/** Whether an error is ours, with this code. */
function code(expected: string): (error: unknown) => boolean {
  return (error) => error instanceof LinescribeError && error.code === expected;
}

test("a commit numbers events from 1 without holes, and the store gives them back as they were", (t) => {
  const store = temporaryStore(t, { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) });
  store.openCall(sampleCall("CA1"));
  const first = store.commit("CA1", [started(), final(1), gap(1, 1500, 1800)]);
  const second = store.commit("CA1", [final(1, "outbound"), press(1), ended()]);
  const events = [...first, ...second];
  assert.deepEqual(
    events.map(({ sequence, id }) => [sequence, id]),
    [
      [1, "msg_CA1_started"],
      [2, "msg_CA1_inbound_1"],
      [3, "msg_CA1_inbound_gap_1"],
      [4, "msg_CA1_outbound_1"],
      [5, "msg_CA1_dtmf_1"],
      [6, "msg_CA1_ended"],
    ],
  );
  assert.equal(events[0]?.timestamp, "2026-01-02T03:04:05.006Z");
  assert.deepEqual(store.events("CA1"), events);
  assert.deepEqual(store.events("CA1", 4), events.slice(4));
  assert.equal(store.call("CA1")?.lastSequence, 6);
});

test("an event that is committed twice is kept once, with its first content", (t) => {
  const counters = new Counters();
  const store = temporaryStore(t, { counters });
  store.openCall(sampleCall("CA1"));
  const [kept] = store.commit("CA1", [final(1, "inbound", "first")]);
  assert.deepEqual(store.commit("CA1", [final(1, "inbound", "second"), final(1, "inbound", "third")]), []);
  const [next] = store.commit("CA1", [final(1, "inbound", "fourth"), final(2)]);
  assert.equal(next?.sequence, 2);
  assert.deepEqual(store.events("CA1"), [kept, next]);
  assert.equal(counters.get("store.duplicates"), 3);
});

test("nothing follows call.ended, neither in its own commit nor in a later one", (t) => {
  const counters = new Counters();
  const store = temporaryStore(t, { counters });
  store.openCall(sampleCall("CA1"));
  assert.equal(store.commit("CA1", [final(1), ended(), final(2)]).length, 2);
  assert.deepEqual(store.commit("CA1", [final(3), gap(1, 1, 2)]), []);
  store.openCall(sampleCall("CA1"));
  assert.deepEqual(store.commit("CA1", [final(4)]), []);
  assert.equal(store.events("CA1").at(-1)?.type, "call.ended");
  assert.equal(counters.get("store.afterEnd"), 4);
});

test("a commit that fails half-way leaves neither events, nor a number used, nor anything owed", (t) => {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  const broken = { ...final(2), startMs: "soon" as unknown as number };
  assert.throws(() => store.commit("CA1", [final(1), broken]), code("STORE_FAILED"));
  assert.deepEqual(store.events("CA1"), []);
  assert.equal(store.countOutbox().pending, 0);
  assert.equal(store.commit("CA1", [final(1)])[0]?.sequence, 1);
});

test("a commit to a call that was never opened, and a call SID that would break a signature, are misuse", (t) => {
  const store = temporaryStore(t);
  assert.throws(() => store.commit("CA1", [final(1)]), RangeError);
  assert.throws(() => store.setMediaStart("CA1", 5), RangeError);
  for (const callSid of ["", "CA.1", "CA 1", "C".repeat(65)]) {
    assert.throws(() => store.openCall(sampleCall(callSid)), RangeError);
  }
});

test("a call that is opened again keeps what it had and gains only what it lacked", (t) => {
  const store = temporaryStore(t);
  const inbound = { track: "inbound", label: "caller" } as const;
  store.openCall(sampleCall("CA1", { startedAt: null, tracks: [inbound] }));
  const again = { endpoint: "http://other/", to: "+1", startedAt: 77, tracks: [{ ...inbound, label: "x" }] };
  store.openCall(
    sampleCall("CA1", { ...again, tracks: [...again.tracks, { track: "outbound", label: "b" }] }),
  );
  assert.deepEqual(store.call("CA1"), {
    ...sampleCall("CA1", { startedAt: 77, tracks: [inbound, { track: "outbound", label: "b" }] }),
    kind: "call",
    mediaStartAt: null,
    endedAt: null,
    lastSequence: 0,
  });
  assert.equal(store.call("CA2"), null);
});

test("a session is kept like a call, and told apart from one", (t) => {
  const file = temporaryFile(t);
  const store = openStore({ path: file });
  store.openCall(sampleCall("ses_1", { kind: "session", endpoint: null }));
  store.openCall(sampleCall("CA1"));
  store.commit("ses_1", [started(), final(1), final(2), final(3)]);
  const kinds = store.unfinishedCalls().map(({ callSid, kind }) => `${callSid} ${kind}`);
  assert.deepEqual(kinds.sort(), ["CA1 call", "ses_1 session"]);
  assert.deepEqual(
    store.events("ses_1", 1, 2).map(({ sequence }) => sequence),
    [2, 3],
  );
  store.close();
});

test("a store of version 1 becomes one of today, and its calls are calls", (t) => {
  const file = temporaryFile(t);
  const old = new Database(file);
  migrate(old, 1);
  old.exec("INSERT INTO call VALUES ('CA1', '+1', '+2', 'start', NULL, NULL, NULL, 1, NULL, 0)");
  old.close();
  const store = openStore({ path: file });
  t.after(() => store.close());
  assert.equal(store.call("CA1")?.kind, "call");
});

test("the first start of a call's media holds, whatever later streams say", (t) => {
  const store = temporaryStore(t);
  store.openCall(sampleCall("CA1"));
  assert.equal(store.setMediaStart("CA1", 1000), 1000);
  assert.equal(store.setMediaStart("CA1", 9000), 1000);
  assert.equal(store.call("CA1")?.mediaStartAt, 1000);
});

test("what was committed is there after the store is opened again", (t) => {
  const file = temporaryFile(t);
  const store = openStore({ path: file });
  store.openCall(sampleCall("CA1"));
  const events = store.commit("CA1", [started(), final(1)]);
  store.close();
  const again = openStore({ path: file });
  t.after(() => again.close());
  assert.deepEqual(again.events("CA1"), events);
  assert.deepEqual(
    again.dueHeads("http://127.0.0.1:9/hook", Date.now(), 5).map(({ body }) => body),
    [webhookBody(events[0] as (typeof events)[0])],
  );
});

test("the store's files are its owner's alone, also in a directory and a file made by somebody careless", (t) => {
  const fresh = path.join(path.dirname(temporaryFile(t)), "data", "store.db");
  const careless = temporaryFile(t);
  writeFileSync(careless, "", { mode: 0o644 });
  for (const file of [fresh, careless]) {
    const store = openStore({ path: file, exclusive: true });
    store.openCall(sampleCall("CA1"));
    for (const name of [file, `${file}-wal`, `${file}-shm`, `${file}.lock`]) {
      assert.equal(statSync(name).mode & 0o777, 0o600, name);
    }
    store.close();
  }
  assert.equal(statSync(path.dirname(fresh)).mode & 0o777, 0o700);
});

test("every commit is synchronous, in a write-ahead log, with references checked and strict tables", (t) => {
  const { database, close } = openDatabase({ path: temporaryFile(t), exclusive: false, maximumBytes: null });
  t.after(close);
  const FULL = 2;
  assert.equal(database.pragma("synchronous", { simple: true }), FULL);
  assert.equal(database.pragma("journal_mode", { simple: true }), "wal");
  assert.equal(database.pragma("foreign_keys", { simple: true }), 1);
  const tables = database
    .prepare(
      "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'",
    )
    .all() as { name: string; strict: number }[];
  assert.ok(tables.length >= 6);
  assert.deepEqual(
    tables.filter(({ strict }) => strict !== 1),
    [],
  );
});

test("a second server on the same store is refused until the first one is gone, other programs are not", (t) => {
  const file = temporaryFile(t);
  const server = openStore({ path: file, exclusive: true });
  assert.throws(() => openStore({ path: file, exclusive: true }), code("STORE_FAILED"));
  server.openCall(sampleCall("CA1"));
  const command = openStore({ path: file });
  command.openCall(sampleCall("CA2"));
  assert.equal(server.unfinishedCalls().length, 2);
  command.close();
  server.close();
  openStore({ path: file, exclusive: true }).close();
});

test("a full store refuses with STORE_FULL, keeps what it had and goes on when there is space", (t) => {
  const file = temporaryFile(t);
  const store = openStore({ path: file, maximumBytes: 512 * 1024 });
  store.openCall(sampleCall("CA1"));
  let utterance = 0;
  const fill = () => {
    for (; utterance < 1000; utterance += 1)
      store.commit("CA1", [final(utterance + 1, "inbound", "x".repeat(2000))]);
  };
  assert.throws(fill, (error) => code("STORE_FULL")(error) && (error as LinescribeError).retryable);
  assert.ok(utterance > 20, `${utterance} fitted`);
  assert.throws(
    () => store.openCall(sampleCall("C".repeat(64), { to: "1".repeat(9000) })),
    code("STORE_FULL"),
  );
  assert.throws(() => store.probe(), code("STORE_FULL"));
  assert.equal(store.events("CA1").length, utterance);
  assert.equal(store.countOutbox().pending, utterance);
  store.close();
  const larger = openStore({ path: file });
  t.after(() => larger.close());
  const [next] = larger.commit("CA1", [final(utterance + 1)]);
  assert.equal(next?.sequence, utterance + 1);
});

test("a store that is damaged, of a newer version or no database at all is refused", (t) => {
  const text = temporaryFile(t);
  writeFileSync(text, "not a database".repeat(1000));
  assert.throws(() => openStore({ path: text }), code("STORE_FAILED"));

  const newer = temporaryFile(t);
  const database = new Database(newer);
  database.pragma("user_version = 99");
  database.close();
  assert.throws(() => openStore({ path: newer }), /version 99.*newer/);

  const damaged = temporaryFile(t);
  const store = openStore({ path: damaged });
  store.openCall(sampleCall("CA1"));
  for (let number = 1; number <= 200; number += 1) store.commit("CA1", [final(number)]);
  store.close();
  scribble(damaged);
  assert.throws(() => openStore({ path: damaged }), code("STORE_FAILED"));

  const directory = temporaryFile(t);
  mkdirSync(directory);
  assert.throws(() => openStore({ path: directory }), code("STORE_FAILED"));
});

/** Overwrites the pages of a file from the third on. */
function scribble(file: string): void {
  const { size } = statSync(file);
  spawnSync("dd", [
    "if=/dev/zero",
    `of=${file}`,
    "bs=4096",
    "seek=3",
    `count=${size / 4096 - 3}`,
    "conv=notrunc",
  ]);
}

test("a probe writes, and fails on a store that cannot be written", (t) => {
  const store = openStore({ path: temporaryFile(t) });
  store.probe();
  store.probe();
  store.close();
  assert.throws(() => store.probe());
});
