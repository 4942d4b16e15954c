import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "../../src/store/database.ts";
import { DUE_ENDPOINTS, DUE_HEADS, type LaneHead, type Settlement } from "../../src/store/outbox.ts";
import type { Store } from "../../src/store/store.ts";
import { openStore } from "../../src/store/store.ts";
import { ended, final, sampleCall, temporaryFile, temporaryStore } from "./sample.ts";

const A = "http://a.test/hook";
const B = "http://b.test/hook";

/** A clock that stands still until a test moves it. */
function stoppedClock() {
  const clock = { at: 1_000_000, now: () => clock.at };
  return clock;
}

function settled(
  head: LaneHead,
  outcome: Settlement["outcome"],
  changes: Partial<Settlement> = {},
): Settlement {
  return {
    head,
    outcome,
    at: 2_000_000,
    nextAt: 2_000_000,
    strike: false,
    status: outcome === "delivered" ? 200 : 500,
    error: outcome === "delivered" ? null : "status 500",
    response: null,
    ...changes,
  };
}

function onlyHead(store: Store, endpoint: string, now: number): LaneHead {
  const [head, ...others] = store.dueHeads(endpoint, now, 10);
  assert.ok(head !== undefined && others.length === 0, "exactly one lane is due");
  return head;
}

function openWith(store: Store, callSid: string, endpoint: string | null, finals: number): void {
  store.openCall(sampleCall(callSid, { endpoint }));
  for (let number = 1; number <= finals; number += 1) store.commit(callSid, [final(number)]);
}

test("only the head of a lane is due, and the next row becomes the head when it is delivered", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  openWith(store, "CA1", A, 3);
  for (const sequence of [1, 2, 3]) {
    const head = onlyHead(store, A, 2_000_000);
    assert.equal(head.sequence, sequence);
    assert.equal(head.messageId, `msg_CA1_inbound_${sequence}`);
    store.settle([settled(head, "delivered")]);
  }
  assert.deepEqual(store.dueHeads(A, 9e12, 10), []);
  assert.deepEqual(store.dueEndpoints(), [], "an empty lane is gone");
});

test("a call without an endpoint owes nothing", (t) => {
  const store = temporaryStore(t);
  openWith(store, "CA1", null, 3);
  assert.deepEqual(store.dueEndpoints(), []);
  assert.equal(store.countOutbox().pending, 0);
});

test("lanes of an endpoint come longest due first, as many as asked for, and endpoints are told apart", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  for (const callSid of ["CA3", "CA1", "CA2"]) {
    openWith(store, callSid, A, 2);
    clock.at += 10;
  }
  openWith(store, "CA4", B, 1);
  assert.deepEqual(
    store.dueEndpoints().sort((a, b) => a.nextAt - b.nextAt),
    [
      { endpoint: A, nextAt: 1_000_000 },
      { endpoint: B, nextAt: 1_000_030 },
    ],
  );
  const callsOf = (now: number, limit: number) => store.dueHeads(A, now, limit).map(({ callSid }) => callSid);
  assert.deepEqual(callsOf(2_000_000, 2), ["CA3", "CA1"]);
  assert.deepEqual(callsOf(1_000_010, 9), ["CA3", "CA1"]);
  assert.deepEqual(callsOf(999_999, 9), []);
});

test("a retry keeps the head at its place until its time, and a new row behind it does not bring it forward", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  openWith(store, "CA1", A, 1);
  const first = onlyHead(store, A, clock.at);
  store.settle([settled(first, "retry", { nextAt: 1_005_000, strike: true, at: 1_000_100 })]);
  clock.at = 1_000_200;
  store.commit("CA1", [final(2)]);
  assert.deepEqual(store.dueHeads(A, 1_004_999, 10), []);
  const again = onlyHead(store, A, 1_005_000);
  assert.deepEqual(again, { ...first, attempts: 1, strikes: 1, lastAttemptAt: 1_000_100 });
});

test("a dead row lets its lane go on, is listed with its reason, and a retry sends it as it was", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  openWith(store, "CA1", A, 2);
  const first = onlyHead(store, A, clock.at);
  store.settle([settled(first, "dead", { status: 400, error: "status 400", response: "no such tenant" })]);
  assert.equal(onlyHead(store, A, 2_000_000).sequence, 2);
  const [dead, ...others] = store.listOutbox({ state: "dead" });
  assert.deepEqual(others, []);
  assert.deepEqual(dead, {
    id: first.id,
    messageId: "msg_CA1_inbound_1",
    type: "transcript.final",
    endpoint: A,
    callSid: "CA1",
    sequence: 1,
    state: "dead",
    endpointDisabled: false,
    attempts: 1,
    queuedAt: 1_000_000,
    lastAttemptAt: 2_000_000,
    nextAt: null,
    lastStatus: 400,
    lastError: "status 400",
    lastResponse: "no such tenant",
    settledAt: 2_000_000,
  });
  clock.at = 3_000_000;
  assert.equal(store.retryOutbox({ ids: [first.id, first.id, 999] }), 1);
  const again = onlyHead(store, A, clock.at);
  assert.equal(again.sequence, 1);
  assert.equal(again.body, first.body);
  assert.deepEqual([again.attempts, again.strikes, again.queuedAt], [0, 0, 3_000_000]);
});

test("a retry opens a lane that was empty, chooses by time or all, and leaves delivered rows alone", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  openWith(store, "CA1", A, 3);
  const ids: number[] = [];
  for (const [outcome, at] of [
    ["dead", 10],
    ["dead", 20],
    ["delivered", 30],
  ] as const) {
    const head = onlyHead(store, A, 2_000_000);
    ids.push(head.id);
    store.settle([settled(head, outcome, { at })]);
  }
  assert.deepEqual(store.dueEndpoints(), []);
  assert.equal(store.retryOutbox({ ids: [ids[2] as number] }), 0, "delivered stays delivered");
  assert.equal(store.retryOutbox({ since: 20 }), 1);
  assert.equal(onlyHead(store, A, clock.at).sequence, 2);
  assert.equal(store.retryOutbox({ all: true }), 1);
  assert.equal(onlyHead(store, A, clock.at).sequence, 1);
});

test("a disabled endpoint is not due, keeps all its rows and takes new ones, until a row of it is retried", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  openWith(store, "CA1", A, 2);
  openWith(store, "CA2", B, 1);
  const head = onlyHead(store, A, clock.at);
  store.settle([settled(head, "disable", { status: 410, error: "status 410" })]);
  store.commit("CA1", [final(3)]);
  assert.deepEqual(
    store.dueEndpoints().map(({ endpoint }) => endpoint),
    [B],
  );
  assert.deepEqual(store.countOutbox(), { pending: 4, oldestPendingMs: 0, dead: 0, disabledEndpoints: 1 });
  assert.deepEqual(
    store.listOutbox().map(({ endpointDisabled }) => endpointDisabled),
    [true, true, false, true],
  );
  assert.equal(store.retryOutbox({ ids: [head.id] }), 1);
  assert.equal(onlyHead(store, A, clock.at).id, head.id);
  assert.equal(store.countOutbox().disabledEndpoints, 0);
});

test("dropped rows are owed no more, also while they are in flight, and an emptied lane is gone", (t) => {
  const store = temporaryStore(t);
  openWith(store, "CA1", A, 3);
  const now = Date.now() + 1000;
  const head = onlyHead(store, A, now);
  assert.equal(store.dropOutbox([head.id, head.id, 77]), 1);
  store.settle([settled(head, "retry", { nextAt: 0 })]);
  assert.equal(onlyHead(store, A, now).sequence, 2);
  assert.equal(store.dropOutbox(store.listOutbox().map(({ id }) => id)), 2);
  assert.deepEqual(store.dueEndpoints(), []);
  assert.equal(store.events("CA1").length, 3, "the transcript stays");
});

test("the list comes in pages, and refuses a limit that is no limit", (t) => {
  const store = temporaryStore(t);
  openWith(store, "CA1", A, 5);
  const pages: number[][] = [];
  for (let after = 0; ; ) {
    const page = store
      .listOutbox({ state: "pending", limit: 2, after })
      .map(({ sequence, id }) => [sequence, id]);
    if (page.length === 0) break;
    pages.push(page.map(([sequence]) => sequence as number));
    after = page.at(-1)?.[1] as number;
  }
  assert.deepEqual(pages, [[1, 2], [3, 4], [5]]);
  assert.throws(() => store.listOutbox({ limit: 0 }), RangeError);
});

test("counts tell how many are pending and how old the oldest is", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  assert.deepEqual(store.countOutbox(), { pending: 0, oldestPendingMs: 0, dead: 0, disabledEndpoints: 0 });
  openWith(store, "CA1", A, 1);
  clock.at += 5000;
  openWith(store, "CA2", A, 2);
  clock.at += 1000;
  assert.deepEqual(store.countOutbox(), { pending: 3, oldestPendingMs: 6000, dead: 0, disabledEndpoints: 0 });
});

test("lanes that wait are brought forward in batches when their endpoint is well, those of others are not", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  for (const callSid of ["CA1", "CA2", "CA3"]) openWith(store, callSid, A, 1);
  openWith(store, "CA4", B, 1);
  const heads = [...store.dueHeads(A, clock.at, 9), ...store.dueHeads(B, clock.at, 9)];
  store.settle(heads.map((head) => settled(head, "retry", { nextAt: 9_000_000 })));
  assert.equal(store.hastenLanes(A, 1_000_500, 2), 2);
  assert.equal(store.dueHeads(A, 1_000_500, 9).length, 2);
  assert.equal(store.hastenLanes(A, 1_000_500, 2), 1);
  assert.equal(store.hastenLanes(A, 1_000_500, 2), 0);
  assert.equal(store.dueHeads(B, 1_000_500, 9).length, 0);
});

test("pruning removes what was delivered long ago with its finished call, and nothing that is owed", (t) => {
  const clock = stoppedClock();
  const store = temporaryStore(t, { now: clock.now });
  const deliverAll = (limit = 99) => {
    for (let left = limit; left > 0; left -= 1) {
      const [head] = store.dueHeads(A, clock.at, 1);
      if (head === undefined) return;
      store.settle([settled(head, "delivered", { at: clock.at })]);
    }
  };
  const open = (callSid: string, end: boolean, endpoint: string | null = A) => {
    openWith(store, callSid, endpoint, 2);
    if (end) store.commit(callSid, [ended()]);
  };
  open("CA_done", true);
  open("CA_live", false);
  deliverAll();
  open("CA_dead", true);
  store.settle([settled(onlyHead(store, A, clock.at), "dead", { at: clock.at })]);
  deliverAll();
  open("CA_none", true, null);
  open("CA_owed", true);
  deliverAll(1);
  const before = clock.at + 1;
  clock.at += 1000;
  open("CA_new", true);
  const all = ["CA_done", "CA_live", "CA_dead", "CA_none", "CA_owed", "CA_new"];
  assert.equal(store.prune(before - 1, 100), 0, "nothing is older than itself");
  assert.ok(store.prune(before, 2) <= 4, "a batch is bounded");
  while (store.prune(before, 2) > 0);
  assert.deepEqual(
    all.filter((callSid) => store.call(callSid) !== null),
    ["CA_live", "CA_dead", "CA_none", "CA_owed", "CA_new"],
  );
  assert.deepEqual(store.events("CA_done"), []);
  assert.equal(store.events("CA_dead").length, 3, "a dead letter keeps its call");
  assert.deepEqual(
    store.listOutbox().map(({ callSid, sequence, state }) => [callSid, sequence, state]),
    [
      ["CA_dead", 1, "dead"],
      ["CA_owed", 2, "pending"],
      ["CA_owed", 3, "pending"],
      ["CA_new", 1, "pending"],
      ["CA_new", 2, "pending"],
      ["CA_new", 3, "pending"],
    ],
  );
});

test("what another process retries or drops is seen by the one that sends", (t) => {
  const file = temporaryFile(t);
  const server = openStore({ path: file, exclusive: true });
  const command = openStore({ path: file });
  t.after(() => server.close());
  t.after(() => command.close());
  openWith(server, "CA1", A, 2);
  const now = Date.now() + 1000;
  const head = onlyHead(server, A, now);
  server.settle([settled(head, "dead")]);
  assert.equal(command.retryOutbox({ all: true }), 1);
  assert.equal(onlyHead(server, A, now).id, head.id);
  assert.equal(command.dropOutbox([head.id]), 1);
  assert.equal(onlyHead(server, A, now).sequence, 2);
});

test("finding what is due seeks in indexes and scans no table", (t) => {
  const { database, close } = openDatabase({ path: temporaryFile(t), exclusive: false, maximumBytes: null });
  t.after(close);
  const stepsOf = (sql: string, ...parameters: unknown[]) =>
    (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters) as { detail: string }[]).map(
      (step) => step.detail,
    );
  const steps = [...stepsOf(DUE_ENDPOINTS), ...stepsOf(DUE_HEADS, "http://a.test/", 1, 10)];
  assert.ok(steps.some((step) => step.endsWith("lane_due (endpoint=? AND next_at<?)")));
  assert.ok(steps.some((step) => step.includes("outbox_pending (endpoint=? AND call_sid=?)")));
  // `hop` and `l` are the few rows that the queries themselves have made.
  assert.deepEqual(
    steps.filter((step) => /^SCAN (?!hop|l\b|CONSTANT)|TEMP B-TREE/.test(step)),
    [],
  );
});
