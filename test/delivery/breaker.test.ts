import assert from "node:assert/strict";
import { test } from "node:test";
import { Breaker } from "../../src/delivery/breaker.ts";
import { DEFAULT_SCHEDULE } from "../../src/delivery/schedule.ts";

function breakerWith(results: string, at = 0): Breaker {
  const breaker = new Breaker(DEFAULT_SCHEDULE.breaker);
  for (const result of results) breaker.ended(result === "+", at);
  return breaker;
}

test("it opens at 10 attempts of which 70 % fail, and not a failure earlier", () => {
  for (const [results, state] of [
    ["---------", "closed"],
    ["----------", "open"],
    ["+++-------", "open"],
    ["++++------", "closed"],
    ["+++++++---", "closed"],
  ] as const) {
    assert.equal(breakerWith(results).state(0), state, results);
  }
});

test("attempts that ended more than a minute ago are forgotten", () => {
  const breaker = breakerWith("---------", 0);
  assert.equal(breaker.ended(false, 60_000), null);
  assert.equal(breaker.state(60_000), "closed");
});

test("while open it lets nothing through, after 30 s one probe, and its failure keeps it open for 30 s more", () => {
  const breaker = breakerWith("----------", 0);
  assert.equal(breaker.permits(29_999), 0);
  assert.equal(breaker.opensAt(1000), 30_000);
  assert.equal(breaker.state(30_000), "half-open");
  assert.equal(breaker.permits(30_000), 1);
  breaker.started(30_000);
  assert.equal(breaker.permits(30_001), 0, "one probe at a time");
  assert.equal(breaker.ended(false, 31_000), null);
  assert.equal(breaker.opensAt(31_000), 61_000);
  breaker.started(61_000);
  assert.equal(breaker.ended(true, 62_000), "closed");
  assert.equal(breaker.permits(62_000), Number.POSITIVE_INFINITY);
});

test("after it closed it judges afresh", () => {
  const breaker = breakerWith("----------", 0);
  breaker.started(30_000);
  breaker.ended(true, 30_000);
  for (let count = 0; count < 9; count += 1) assert.equal(breaker.ended(false, 30_001), null);
  assert.equal(breaker.ended(false, 30_002), "opened");
});

test("while open, attempts that began before neither prolong it when they fail nor are lost when they succeed", () => {
  const failing = breakerWith("----------", 0);
  assert.equal(failing.ended(false, 10_000), null);
  assert.equal(failing.opensAt(10_000), 30_000);
  assert.equal(failing.ended(true, 12_000), "closed");
});
