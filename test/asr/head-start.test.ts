import assert from "node:assert/strict";
import { test } from "node:test";
import { HeadStart } from "../../src/asr/head-start.ts";

/** Two workers that have just worked for this share of the last 20 s. */
function loaded(share: number) {
  let now = 0;
  const headStart = new HeadStart(
    () => 2,
    () => now,
  );
  for (; now < 20_000; now += 100) headStart.worked(2 * 100 * share);
  return { headStart, wait: (ms: number) => (now += ms) };
}

test("a machine that has time begins a final in every pause, a busy one as late as it can", () => {
  assert.equal(new HeadStart(() => 2).ms(5000), Infinity);
  assert.equal(loaded(0.25).headStart.ms(5000), Infinity);
  const { headStart, wait } = loaded(0.4);
  assert.ok(headStart.ms(5000) < Infinity);
  wait(5000);
  assert.equal(headStart.ms(5000), Infinity, "again when it has had nothing to do for a while");
});

test("one worker in the place of two is busy with half their work", () => {
  let workers = 2;
  const headStart = new HeadStart(
    () => workers,
    () => 0,
  );
  headStart.worked(0.25 * 2 * 5000);
  assert.equal(headStart.ms(5000), Infinity);
  workers = 1;
  assert.ok(headStart.ms(5000) < Infinity);
});

test("what was waited for finals lately, twice, is the time that is left for the next, by its length", () => {
  const { headStart } = loaded(1);
  for (let time = 0; time < 100; time++) headStart.answered(2 * 16_000, 500);
  assert.ok(Math.abs(headStart.ms(2000) - 1000) < 1, `${headStart.ms(2000)}`);
  assert.ok(Math.abs(headStart.ms(4000) - 2000) < 1, `${headStart.ms(4000)}`);
});
