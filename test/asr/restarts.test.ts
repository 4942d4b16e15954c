import assert from "node:assert/strict";
import { test } from "node:test";
import { Restarts } from "../../src/asr/restarts.ts";

test("a worker that was up for long is started again at once, one that was not later and later", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  const starts: number[] = [];
  const pass = (ms: number): void => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  const delayMs = (failures: number): number => 1000 * 2 ** (failures - 1);
  const restarts = new Restarts(
    { delayMs, steadyMs: 60_000 },
    () => void starts.push(now),
    () => now,
  );
  restarts.up();
  pass(60_000);
  assert.equal(restarts.lost(), false);
  assert.deepEqual([starts, restarts.failures], [[60_000], 0]);
  // It comes up, and is lost within the minute, twice.
  restarts.up();
  pass(10_000);
  assert.equal(restarts.lost(), true);
  pass(1000);
  restarts.up();
  assert.equal(restarts.lost(), true);
  assert.equal(restarts.failures, 2);
  pass(1999);
  assert.equal(starts.length, 2);
  pass(1);
  assert.deepEqual(starts, [60_000, 71_000, 73_000]);
  restarts.up();
  pass(60_000);
  assert.equal(restarts.lost(), false);
  assert.equal(restarts.failures, 0);
});

test("a worker that need not be up for long has failed only when it could not start", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const starts: number[] = [];
  const restarts = new Restarts(
    { delayMs: () => 1000, steadyMs: 0 },
    () => void starts.push(1),
    () => 0,
  );
  restarts.up();
  assert.equal(restarts.lost(), false);
  assert.equal(restarts.lost(), true);
  restarts.cancel();
  t.mock.timers.tick(5000);
  assert.equal(starts.length, 1);
});
