import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import * as fc from "fast-check";
import type { LaneHead, Settlement } from "../../src/store/outbox.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { OutboxState } from "../../src/store/upkeep.ts";
import { final, MEMORY, sampleCall } from "./sample.ts";

const CALLS = ["CA0", "CA1", "CA2", "CA3"];
const ENDPOINTS = ["http://a.test/", "http://b.test/"];
const endpointOf = (callSid: string) => ENDPOINTS[CALLS.indexOf(callSid) % 2] as string;

type Outcome = Settlement["outcome"] | "crash";
type Step =
  | { kind: "commit"; call: number; utterances: number[]; text: string }
  | { kind: "attempt"; endpoint: number; limit: number; outcomes: Outcome[] }
  | { kind: "retryAll" }
  | { kind: "retryOne"; row: number }
  | { kind: "drop"; row: number }
  | { kind: "reopen" }
  | { kind: "wait" };

const outcome = fc.constantFrom<Outcome>(
  "delivered",
  "delivered",
  "delivered",
  "retry",
  "dead",
  "crash",
  "disable",
);
const small = fc.nat({ max: 9 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      call: fc.nat({ max: CALLS.length - 1 }),
      // Few numbers, so that the same utterance is committed again and again, with other words.
      utterances: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
      text: fc.string({ maxLength: 5, unit: "grapheme" }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("attempt" as const),
      endpoint: fc.nat({ max: 1 }),
      limit: fc.integer({ min: 1, max: 4 }),
      outcomes: fc.array(outcome, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retryAll" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retryOne" as const), row: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), row: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const) }) },
);

interface Row {
  id: number;
  messageId: string;
  callSid: string;
  sequence: number;
  state: OutboxState;
}

/** The outbox as it ought to be, beside the one that is. */
class Model {
  readonly #file: string;
  store: Store;
  now = 1_000_000;
  rows: Row[] = [];
  readonly sequences = new Map<string, number>();
  readonly committed = new Set<string>();
  readonly disabled = new Set<string>();
  /** Every content that a receiver ever saw, by message id. */
  readonly received = new Map<string, Set<string>>();

  constructor(file: string) {
    this.#file = file;
    this.store = this.#open();
  }

  #open(): Store {
    const store = openStore({ path: this.#file, now: () => this.now, exclusive: true });
    for (const callSid of CALLS) store.openCall(sampleCall(callSid, { endpoint: endpointOf(callSid) }));
    return store;
  }

  run(step: Step): void {
    switch (step.kind) {
      case "commit":
        this.#commit(CALLS[step.call] as string, step.utterances, step.text);
        return;
      case "attempt":
        this.#attempt(ENDPOINTS[step.endpoint] as string, step.limit, step.outcomes);
        return;
      case "retryAll":
        for (const row of this.rows) if (row.state === "dead") row.state = "pending";
        this.disabled.clear();
        this.store.retryOutbox({ all: true });
        return;
      case "retryOne":
        this.#retryOne(this.rows[step.row]);
        return;
      case "drop": {
        const dropped = this.rows.splice(step.row, 1).map(({ id }) => id);
        assert.equal(this.store.dropOutbox(dropped), dropped.length);
        return;
      }
      case "reopen":
        this.store.close();
        this.store = this.#open();
        return;
      case "wait":
        this.now += 10_000;
    }
  }

  #commit(callSid: string, utterances: number[], text: string): void {
    const events = this.store.commit(
      callSid,
      utterances.map((utterance, index) => final(utterance, "inbound", `${text}${index}`)),
    );
    const fresh = [...new Set(utterances.map((utterance) => `msg_${callSid}_inbound_${utterance}`))].filter(
      (id) => !this.committed.has(id),
    );
    assert.deepEqual(
      events.map(({ id }) => id),
      fresh,
    );
    for (const { id: messageId, sequence } of events) {
      assert.equal(sequence, (this.sequences.get(callSid) ?? 0) + 1);
      this.sequences.set(callSid, sequence);
      this.committed.add(messageId);
      const id = this.store.listOutbox({ limit: 1000 }).find((row) => row.messageId === messageId)?.id ?? -1;
      this.rows.push({ id, messageId, callSid, sequence, state: "pending" });
    }
  }

  #attempt(endpoint: string, limit: number, outcomes: Outcome[]): void {
    const heads = this.store.dueHeads(endpoint, this.now, limit);
    assert.ok(heads.length <= limit);
    assert.equal(
      new Set(heads.map(({ callSid }) => callSid)).size,
      heads.length,
      "one row of a lane at a time",
    );
    const settlements: Settlement[] = [];
    heads.forEach((head, index) => {
      const first = this.rows
        .filter((row) => row.callSid === head.callSid && row.state === "pending")
        .sort((a, b) => a.sequence - b.sequence)[0];
      assert.equal(head.messageId, first?.messageId, "the head is the lowest sequence that is pending");
      const contents = this.received.get(head.messageId) ?? new Set();
      this.received.set(head.messageId, contents.add(head.body));
      const outcome = outcomes[index % outcomes.length] as Outcome;
      // A crash: the receiver has it, the store does not know.
      if (outcome === "crash") return;
      settlements.push(this.#settlement(head, outcome));
      if (outcome === "delivered" || outcome === "dead") (first as Row).state = outcome;
      if (outcome === "disable") this.disabled.add(endpoint);
    });
    this.store.settle(settlements);
  }

  #settlement(head: LaneHead, outcome: Settlement["outcome"]): Settlement {
    const nextAt = this.now + 5000;
    return { head, outcome, at: this.now, nextAt, strike: false, status: null, error: null, response: null };
  }

  #retryOne(row: Row | undefined): void {
    const chosen = row !== undefined && row.state !== "delivered";
    assert.equal(this.store.retryOutbox({ ids: row === undefined ? [] : [row.id] }), chosen ? 1 : 0);
    if (!chosen) return;
    row.state = "pending";
    this.disabled.delete(endpointOf(row.callSid));
  }

  check(): void {
    const shown = ({ id, messageId, callSid, sequence, state }: Row) => ({
      id,
      messageId,
      callSid,
      sequence,
      state,
    });
    assert.deepEqual(this.store.listOutbox({ limit: 1000 }).map(shown), this.rows.map(shown));
    const owed = new Set(
      this.rows.filter(({ state }) => state === "pending").map(({ callSid }) => endpointOf(callSid)),
    );
    assert.deepEqual(
      this.store.dueEndpoints().map(({ endpoint }) => endpoint),
      ENDPOINTS.filter((endpoint) => owed.has(endpoint) && !this.disabled.has(endpoint)),
    );
    for (const [id, contents] of this.received) assert.equal(contents.size, 1, `${id} had two contents`);
  }

  /** Delivers whatever is left; in the end nothing may be owed, and no call may have a hole. */
  finish(): void {
    this.run({ kind: "retryAll" });
    for (let turn = 0; this.rows.some(({ state }) => state === "pending"); turn += 1) {
      assert.ok(turn < 200, "a pending row is never due");
      this.now += 10_000;
      for (const endpoint of [0, 1])
        this.run({ kind: "attempt", endpoint, limit: 4, outcomes: ["delivered"] });
    }
    this.check();
    assert.equal(this.store.countOutbox().pending, 0);
    for (const callSid of CALLS) {
      const sequences = this.store.events(callSid).map(({ sequence }) => sequence);
      assert.deepEqual(
        sequences,
        sequences.map((_, index) => index + 1),
      );
    }
    this.store.close();
  }
}

test("whatever happens, rows go in order per call, none is lost and no id has two contents", () => {
  const directory = mkdtempSync(path.join(MEMORY, "linescribe-"));
  let run = 0;
  try {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
        run += 1;
        const model = new Model(path.join(directory, `${run}.db`));
        try {
          for (const one of steps) {
            model.run(one);
            model.check();
          }
          model.finish();
        } finally {
          model.store.close();
        }
      }),
      { numRuns: 60 },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
