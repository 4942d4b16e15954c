import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptResult } from "../../src/delivery/attempt.ts";
import { DEFAULT_SCHEDULE } from "../../src/delivery/schedule.ts";
import { classify, judge, type Verdict, type VerdictContext } from "../../src/delivery/verdict.ts";
import type { LaneHead } from "../../src/store/outbox.ts";

const HOUR_MS = 3_600_000;
const NOW = 100 * HOUR_MS;

const head: LaneHead = {
  id: 1,
  endpoint: "http://a.test/",
  callSid: "CA1",
  sequence: 1,
  messageId: "msg_CA1_started",
  body: "{}",
  attempts: 0,
  strikes: 0,
  queuedAt: NOW - 1000,
  lastAttemptAt: null,
};

function answered(
  status: number,
  retryAfter: string | null = null,
): Exclude<AttemptResult, { kind: "aborted" }> {
  return { kind: "answered", status, retryAfter, response: "because" };
}

function verdictOn(
  result: Exclude<AttemptResult, { kind: "aborted" }>,
  row: Partial<LaneHead> = {},
  context: Partial<VerdictContext> = {},
): Verdict {
  const base = { schedule: DEFAULT_SCHEDULE, now: NOW, random: 1, endpointAcceptedAt: null };
  return judge({ ...head, ...row }, result, { ...base, ...context });
}

test("every status has the class that its documentation says", () => {
  const classes = new Map<string, number[]>();
  for (let status = 100; status < 600; status += 1) {
    const name = classify(status);
    classes.set(name, [...(classes.get(name) ?? []), status]);
  }
  assert.deepEqual(classes.get("gone"), [410]);
  assert.deepEqual(classes.get("throttled"), [429, 502, 503, 504]);
  assert.deepEqual(
    classes.get("accepted"),
    Array.from({ length: 100 }, (_, index) => 200 + index),
  );
  for (const status of [100, 301, 302, 307, 308, 401, 403, 404, 408, 425, 500, 501, 505, 599]) {
    assert.equal(classify(status), "failed", String(status));
  }
  for (const status of [400, 402, 405, 413, 422, 451, 499])
    assert.equal(classify(status), "refused", String(status));
});

test("what was accepted is delivered, and its answer is not kept", () => {
  const { settlement, answer } = verdictOn(answered(202));
  assert.equal(answer, "accepted");
  assert.deepEqual(
    [settlement.outcome, settlement.status, settlement.error, settlement.response],
    ["delivered", 202, null, null],
  );
});

test("a failure waits by the table for the attempts so far, and keeps what was answered", () => {
  const { settlement } = verdictOn(answered(500), { attempts: 2 });
  assert.deepEqual(
    [settlement.outcome, settlement.nextAt - NOW, settlement.strike, settlement.error, settlement.response],
    ["retry", 120_000, false, "status 500", "because"],
  );
  assert.equal(verdictOn({ kind: "failed", error: "ECONNREFUSED" }).settlement.error, "ECONNREFUSED");
  assert.match(verdictOn(answered(302)).settlement.error ?? "", /never followed/);
});

test("content that is refused four times is dead, whatever outages came before", () => {
  const outcomes = [0, 1, 2, 3].map(
    (strikes) => verdictOn(answered(422), { strikes, attempts: 40 }).settlement.outcome,
  );
  assert.deepEqual(outcomes, ["retry", "retry", "retry", "dead"]);
});

test("a row that fails while its endpoint takes others is dead after seven strikes", () => {
  const healthy = { endpointAcceptedAt: NOW - 10 };
  const outcomes = [5, 6].map(
    (strikes) =>
      verdictOn(answered(500), { strikes, attempts: 9, lastAttemptAt: NOW - 20 }, healthy).settlement.outcome,
  );
  assert.deepEqual(outcomes, ["retry", "dead"]);
  const first = verdictOn(answered(500), { attempts: 9, lastAttemptAt: NOW - 20 }, healthy).settlement;
  assert.equal(
    first.nextAt - NOW,
    5000,
    "the wait begins again when the endpoint is well and the row is not",
  );
});

test("an outage of three days less a moment kills no row, however often it was tried", () => {
  for (const endpointAcceptedAt of [null, NOW - 9 * HOUR_MS]) {
    const row = {
      queuedAt: NOW - 72 * HOUR_MS + 1,
      lastAttemptAt: NOW - 4 * HOUR_MS,
      attempts: 500,
      strikes: 6,
    };
    const { settlement } = verdictOn({ kind: "failed", error: "ETIMEDOUT" }, row, { endpointAcceptedAt });
    assert.deepEqual([settlement.outcome, settlement.strike], ["retry", false]);
  }
});

test("after three days a row is dead, but not before its fourth attempt", () => {
  const queuedAt = NOW - 72 * HOUR_MS;
  const outcomes = [0, 2, 3, 50].map(
    (attempts) => verdictOn(answered(500), { queuedAt, attempts }).settlement.outcome,
  );
  assert.deepEqual(outcomes, ["retry", "retry", "dead", "dead"]);
});

test("a throttling answer pauses the endpoint as long as it asks, an hour at most, and is no strike", () => {
  const row = { strikes: 6, lastAttemptAt: NOW - 20 };
  const healthy = { endpointAcceptedAt: NOW - 10, random: 0 };
  const asked = verdictOn(answered(429, "90"), row, healthy);
  assert.deepEqual(
    [asked.settlement.outcome, asked.settlement.nextAt - NOW, asked.pauseUntil, asked.settlement.strike],
    ["retry", 90_000, NOW + 90_000, false],
  );
  assert.equal(verdictOn(answered(503, "999999")).pauseUntil, NOW + HOUR_MS);
  assert.equal(verdictOn(answered(429), row, healthy).settlement.strike, false);
  assert.equal(verdictOn(answered(429), row, healthy).pauseUntil, null);
  assert.equal(
    verdictOn(answered(502), row, healthy).settlement.outcome,
    "dead",
    "a gateway that always fails on it",
  );
  assert.equal(verdictOn(answered(500, "90")).pauseUntil, null, "only a throttling status may ask");
});

test("410 disables the endpoint and parks nothing", () => {
  assert.equal(
    verdictOn(answered(410), { strikes: 99, queuedAt: 0, attempts: 99 }).settlement.outcome,
    "disable",
  );
});
