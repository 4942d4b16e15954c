import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import Database from "better-sqlite3";
import fc from "fast-check";
import { conditionOf } from "../../src/store/call-filter.ts";
import type { PageQuery } from "../../src/store/catalogue.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { ended, final, gap, sampleCall, temporaryFile, temporaryStore } from "./sample.ts";

const HOUR_MS = 3_600_000;

/** Six calls, an hour apart, the oldest first. */
function history(t: TestContext): Store {
  let now = 0;
  const store = temporaryStore(t, { now: () => now });
  const open = (callSid: string, changes: object = {}): void => {
    now += HOUR_MS;
    store.openCall(sampleCall(callSid, changes));
  };
  open("CA1", { from: "+4930111", to: "+1555" });
  store.commit("CA1", [final(1), ended()]);
  open("CA2", { from: "+1555", to: "+4930222" });
  store.commit("CA2", [{ ...final(1), language: "de" }, final(2), ended()]);
  open("ses_3", { kind: "session", endpoint: null, to: "surface", from: "+1555" });
  store.commit("ses_3", [{ ...final(1), language: "de" }]);
  open("CA4");
  store.commit("CA4", [gap(1, 5, 9), ended()]);
  open("CA5");
  store.commit("CA5", [{ ...ended(), reason: "crash" }]);
  open("CA6");
  store.saveWatermarks([{ callSid: "CA6", track: "outbound", mediaMs: 2500.4, settledMs: 0 }]);
  return store;
}

function sids(store: Store, query: PageQuery): string {
  return store.catalogue
    .list(query)
    .rows.map(({ callSid }) => callSid)
    .join(" ");
}

test("calls are listed newest first, with what their events say", (t) => {
  const store = history(t);
  assert.equal(sids(store, {}), "CA6 CA5 CA4 ses_3 CA2 CA1");
  const [ca6, ca5, ca4, , ca2] = store.catalogue.list({}).rows;
  assert.deepEqual(ca2, store.catalogue.get("CA2"));
  assert.equal(store.catalogue.get("CA0"), null);
  assert.deepEqual(
    [ca2?.finals, ca2?.gaps, ca2?.languages, ca2?.openedAt],
    [2, 0, ["de", "en"], 2 * HOUR_MS],
  );
  assert.deepEqual(
    [ca4?.gaps, ca4?.endReason, ca4?.deliveries],
    [1, "stream_stopped", { pending: 2, dead: 0 }],
  );
  assert.deepEqual([ca5?.endReason, ca6?.endReason, ca6?.endedAt, ca6?.mediaMs], ["crash", null, null, 2500]);
});

test("every filter leaves out what does not fit, and filters together leave what fits all", (t) => {
  const store = history(t);
  assert.equal(sids(store, { number: "+1555" }), "ses_3 CA2 CA1");
  assert.equal(sids(store, { number: "+155" }), "");
  assert.equal(sids(store, { since: 2 * HOUR_MS, until: 4 * HOUR_MS }), "ses_3 CA2");
  assert.equal(sids(store, { since: 7 * HOUR_MS }), "");
  assert.equal(sids(store, { language: "de" }), "ses_3 CA2");
  assert.equal(sids(store, { status: "live" }), "CA6 ses_3");
  assert.equal(sids(store, { status: "ended" }), "CA5 CA4 CA2 CA1");
  assert.equal(sids(store, { status: "faulty" }), "CA5 CA4");
  assert.equal(sids(store, { kind: "session" }), "ses_3");
  assert.equal(sids(store, { number: "+1555", language: "de", kind: "call" }), "CA2");
  assert.equal(sids(store, { number: "' OR 1=1 --" }), "");
  const searched = store.catalogue.search("words", { language: "de", until: 3 * HOUR_MS });
  assert.deepEqual(
    searched.rows.map(({ callSid, hitCount }) => [callSid, hitCount]),
    [["CA2", 2]],
  );
});

test("a search with a filter finds the same whether few or many calls fit", (t) => {
  const store = temporaryStore(t);
  for (let index = 1; index <= 140; index++) {
    store.openCall(sampleCall(`CA${index}`, { from: `+1${index % 2}`, to: index <= 10 ? "+19" : "+18" }));
    store.commit(`CA${index}`, [
      final(1, "inbound", "nothing"),
      ...Array.from({ length: index % 8 }, (_, at) => final(at + 2, "inbound", `needle ${at}`)),
    ]);
  }
  for (const number of ["+10", "+19", "+18", "+17"]) {
    const expected = store.catalogue
      .list({ number, limit: 200 })
      .rows.map(({ callSid, finals }) => [callSid, finals - 1, Math.min(5, finals - 1)] as const)
      .filter(([, count]) => count > 0);
    const found: (readonly [string, number, number])[] = [];
    let before: number | null = Number.MAX_SAFE_INTEGER;
    while (before !== null) {
      const page: ReturnType<typeof store.catalogue.search> = store.catalogue.search("needle", {
        number,
        limit: 25,
        before,
      });
      for (const { callSid, hitCount, hits } of page.rows) {
        found.push([callSid, hitCount, hits.length]);
        assert.ok(hits.every(({ marks }) => marks.length === 1));
        assert.deepEqual(
          hits.map(({ sequence }) => sequence),
          hits.map((_, index) => hitCount + 1 - hits.length + 1 + index),
        );
      }
      before = page.next;
    }
    assert.deepEqual(found, expected, number);
  }
});

test("an event that was given up makes its call faulty until it is sent again", (t) => {
  const store = history(t);
  const [head] = store
    .dueHeads("http://127.0.0.1:9/hook", 100 * HOUR_MS, 10)
    .filter(({ callSid }) => callSid === "CA1");
  assert.ok(head);
  const facts = { at: 5, nextAt: 0, strike: true, status: 400, error: "no", response: null };
  store.settle([{ head, outcome: "dead", ...facts }]);
  assert.equal(sids(store, { status: "faulty" }), "CA5 CA4 CA1");
  assert.deepEqual(store.catalogue.get("CA1")?.deliveries, { pending: 1, dead: 1 });
  store.resend("CA1", { states: ["dead"] });
  assert.equal(sids(store, { status: "faulty" }), "CA5 CA4");
});

test("pages hold every call that was there all along once, whatever comes and goes between them", (t) => {
  const words = fc.boolean();
  const step = fc.record({
    open: fc.nat(2),
    drop: fc.option(fc.nat(30)),
    limit: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 14 }),
      fc.infiniteStream(step),
      fc.boolean(),
      (first, steps, search) => {
        const store = temporaryStore(t);
        let opened = 0;
        const open = (speaks: boolean): void => {
          opened += 1;
          store.openCall(sampleCall(`CA${opened}`));
          store.commit(`CA${opened}`, [...(speaks ? [final(1)] : []), ended()]);
        };
        for (const speaks of first) open(speaks);
        const kept = new Set(first.flatMap((speaks, index) => (speaks || !search ? [`CA${index + 1}`] : [])));
        const seen: string[] = [];
        let before: number | undefined;
        for (const { open: more, drop, limit } of steps) {
          const query = { limit, ...(before !== undefined && { before }) };
          const page = search ? store.catalogue.search("words", query) : store.catalogue.list(query);
          assert.ok(page.rows.length <= limit);
          seen.push(...page.rows.map(({ callSid }) => callSid));
          if (page.next === null) break;
          before = page.next;
          for (let count = 0; count < more; count += 1) open(true);
          if (drop !== null && store.removeCall(`CA${drop}`) === "removed") kept.delete(`CA${drop}`);
        }
        assert.equal(new Set(seen).size, seen.length);
        for (const callSid of kept) assert.ok(seen.includes(callSid), `${callSid} in ${seen.join()}`);
        store.close();
      },
    ),
    { numRuns: 60 },
  );
});

test("a page looks through 20000 calls at most and says where to go on", (t) => {
  const path = temporaryFile(t);
  const store = openStore({ path });
  t.after(() => store.close());
  store.openCall(sampleCall("oldest", { to: "+1999" }));
  store.commit("oldest", [final(1, "inbound", "needle")]);
  store.openCall(sampleCall("newest"));
  // As if 50,000 calls had come between.
  const raw = new Database(path);
  raw.exec("UPDATE call SET number = 50000 WHERE call_sid = 'newest'");
  raw.close();
  for (const page of [
    (before: PageQuery) => store.catalogue.list({ number: "+1999", ...before }),
    (before: PageQuery) => store.catalogue.search("needle", before),
  ]) {
    const pages = [page({})];
    for (let next = pages[0]?.next; next != null; next = pages.at(-1)?.next)
      pages.push(page({ before: next }));
    assert.deepEqual(
      pages.map(({ rows, next }) => [rows.length, next]),
      [
        [0, 30_001],
        [0, 10_001],
        [1, null],
      ],
    );
  }
});

test("the calls of a party are looked up within the window of the page only", (t) => {
  const path = temporaryFile(t);
  openStore({ path }).close();
  const raw = new Database(path);
  t.after(() => raw.close());
  const { sql, values } = conditionOf({ number: "+1555" });
  const steps = raw
    .prepare<[object], { detail: string }>(`EXPLAIN QUERY PLAN SELECT * FROM call WHERE ${sql}`)
    .all({ ...values, low: 1, high: 9 })
    .map(({ detail }) => detail);
  for (const side of ["to", "from"]) {
    const bounded = `INDEX call_${side} (${side}_number=? AND number>? AND number<?)`;
    assert.ok(
      steps.some((step) => step.includes(bounded)),
      steps.join("\n"),
    );
  }
});

test("a call is deleted with its events, deliveries and words, a live one is not", (t) => {
  const store = history(t);
  assert.equal(store.removeCall("CA6"), "live");
  assert.notEqual(store.call("CA6"), null);
  assert.equal(store.removeCall("CA0"), "unknown");
  assert.equal(store.removeCall("CA2"), "removed");
  assert.equal(store.removeCall("CA2"), "unknown");
  assert.equal(store.call("CA2"), null);
  assert.deepEqual(store.events("CA2"), []);
  assert.deepEqual(store.deliveries("CA2", 0, 100), []);
  assert.ok(store.listOutbox().every(({ callSid }) => callSid !== "CA2"));
  assert.ok(
    store.dueHeads("http://127.0.0.1:9/hook", 100 * HOUR_MS, 100).every(({ callSid }) => callSid !== "CA2"),
  );
  assert.equal(
    store.catalogue
      .search("words", {})
      .rows.map(({ callSid }) => callSid)
      .join(),
    "ses_3,CA1",
  );
  assert.equal(sids(store, { language: "de" }), "ses_3");
  for (const callSid of ["CA1", "CA4", "CA5"]) store.removeCall(callSid);
  // A lane that stayed would be due for ever.
  assert.deepEqual(store.dueEndpoints(), []);
});

test("an attempt that is under way while its call is deleted leaves nothing behind", (t) => {
  const store = history(t);
  const head = store
    .dueHeads("http://127.0.0.1:9/hook", 100 * HOUR_MS, 10)
    .find(({ callSid }) => callSid === "CA1");
  assert.ok(head);
  store.removeCall("CA1");
  const facts = { at: 5, nextAt: 0, strike: true, status: 500, error: "no", response: null };
  store.settle([{ head, outcome: "retry", ...facts }]);
  assert.ok(
    store.dueHeads("http://127.0.0.1:9/hook", 100 * HOUR_MS, 100).every(({ callSid }) => callSid !== "CA1"),
  );
  assert.deepEqual(store.deliveries("CA1", 0, 10), []);
});

test("deliveries of a call are told in sequence, and those asked for are sent again in order", (t) => {
  const store = history(t);
  const endpoint = "http://127.0.0.1:9/hook";
  const settle = (outcome: "delivered" | "dead"): void => {
    const head = store.dueHeads(endpoint, 100 * HOUR_MS, 10).find(({ callSid }) => callSid === "CA2");
    assert.ok(head);
    store.settle([
      { head, outcome, at: 7, nextAt: 0, strike: false, status: 200, error: null, response: null },
    ]);
  };
  settle("delivered");
  settle("dead");
  const states = (): string =>
    store
      .deliveries("CA2", 0, 10)
      .map(({ state }) => state)
      .join(" ");
  assert.equal(states(), "delivered dead pending");
  assert.deepEqual(
    store.deliveries("CA2", 1, 1).map(({ sequence, messageId }) => [sequence, messageId]),
    [[2, "msg_CA2_inbound_2"]],
  );
  assert.equal(store.resend("CA2", { states: ["dead"], sequences: [1, 3] }), 0);
  assert.equal(store.resend("CA2", { states: ["dead"] }), 1);
  assert.equal(states(), "delivered pending pending");
  assert.equal(store.resend("CA2", { states: ["dead", "delivered"], sequences: [1] }), 1);
  assert.equal(states(), "pending pending pending");
  assert.equal(
    store.dueHeads(endpoint, 100 * HOUR_MS, 10).find(({ callSid }) => callSid === "CA2")?.sequence,
    1,
  );
  assert.equal(store.resend("CA0", { states: ["dead"] }), 0);
});
