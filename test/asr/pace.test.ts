import assert from "node:assert/strict";
import { test } from "node:test";
import { PartialPace } from "../../src/asr/pace.ts";

test("partials come every 300 ms on an idle machine, seldom on a busy one, and never less than every 2 s", () => {
  const pace = new PartialPace();
  assert.equal(pace.intervalMs(0), 300);
  for (let time = 0; time < 50; time++) pace.answered(100);
  assert.equal(pace.intervalMs(0), 300);
  for (let time = 0; time < 50; time++) pace.answered(500);
  const busy = pace.intervalMs(0) as number;
  assert.ok(Math.abs(busy - 1000) < 5, `${busy}`);
  for (let time = 0; time < 50; time++) pace.answered(9000);
  assert.equal(pace.intervalMs(0), 2000);
});

test("there are none while a final waits for long", () => {
  const pace = new PartialPace();
  assert.equal(pace.intervalMs(500), 300);
  assert.equal(pace.intervalMs(501), null);
});
