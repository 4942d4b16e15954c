import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { backoffMs, DEFAULT_SCHEDULE, retryAfterMs, scaleSchedule } from "../../src/delivery/schedule.ts";

test("waits grow by the published table, with full jitter, and stay at 4 hours", () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99].map(
    (failures) => backoffMs(DEFAULT_SCHEDULE, failures, 1) / 1000,
  );
  assert.deepEqual(longest, [5, 30, 120, 300, 900, 1800, 3600, 7200, 14_400, 14_400, 14_400]);
  assert.equal(backoffMs(DEFAULT_SCHEDULE, 3, 0), 0);
  assert.equal(backoffMs(DEFAULT_SCHEDULE, 3, 0.5), 60_000);
});

test("seven strikes take about half an hour: 26 minutes in the mean, 53 at most", () => {
  const waits = Array.from({ length: DEFAULT_SCHEDULE.strikes - 1 }, (_, index) => index + 1);
  const totalMinutes = (random: number) =>
    waits.reduce((sum, failures) => sum + backoffMs(DEFAULT_SCHEDULE, failures, random), 0) / 60_000;
  assert.equal(Math.round(totalMinutes(0.5)), 26);
  assert.equal(Math.round(totalMinutes(1)), 53);
});

test("Retry-After is whole seconds or an HTTP date, and an hour at most", () => {
  const now = Date.parse("2026-03-01T10:00:00Z");
  const cases: [string | null, number | null][] = [
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7000],
    ["3600", 3_600_000],
    ["86400", 3_600_000],
    ["9999999999", 3_600_000],
    ["Sun, 01 Mar 2026 10:00:30 GMT", 30_000],
    ["Sunday, 01-Mar-26 10:00:30 GMT", 30_000],
    ["Sun Mar  1 10:00:30 2026 GMT", 30_000],
    ["Sun, 01 Mar 2026 09:00:00 GMT", 0],
    ["Mon, 02 Mar 2026 10:00:00 GMT", 3_600_000],
    [null, null],
    ["", null],
    ["-5", null],
    ["1.5", null],
    ["1e9", null],
    ["soon", null],
    ["tomorrow, please", null],
    ["99999999999999999999", null],
  ];
  for (const [header, expected] of cases) {
    assert.equal(retryAfterMs(header, DEFAULT_SCHEDULE, now), expected, String(header));
  }
});

test("no Retry-After header makes a pause that is negative, endless or longer than the limit", () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 4e12 }), (header, now) => {
      const ms = retryAfterMs(header, DEFAULT_SCHEDULE, now);
      assert.ok(ms === null || (ms >= 0 && ms <= 3_600_000));
    }),
  );
});

test("a scaled schedule has every duration scaled and every count as it was", () => {
  const scaled = scaleSchedule(DEFAULT_SCHEDULE, 0.001);
  assert.deepEqual(scaled.delaysMs.slice(0, 3), [5, 30, 120]);
  assert.equal(scaled.giveUpAfterMs, 259_200);
  assert.equal(scaled.retryAfterMaximumMs, 3600);
  assert.equal(scaled.unconfiguredMs, 60);
  assert.deepEqual(scaled.breaker, { windowMs: 60, minimumAttempts: 10, failingShare: 0.7, openMs: 30 });
  assert.equal(scaled.strikes, DEFAULT_SCHEDULE.strikes);
});
