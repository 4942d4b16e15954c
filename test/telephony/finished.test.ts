import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { FinishedStreams } from "../../src/telephony/finished.ts";

test("finished calls are remembered up to the maximum; the oldest is dropped and counted", () => {
  const counters = new Counters();
  const finished = new FinishedStreams(counters, 2);
  for (const callSid of ["a", "b", "a", "c"]) finished.add(callSid);
  assert.deepEqual(
    ["a", "b", "c"].map((callSid) => finished.has(callSid)),
    [true, false, true],
  );
  assert.equal(counters.get("finished.dropped"), 1);
  finished.delete("a");
  assert.equal(finished.has("a"), false);
  assert.equal(finished.size, 1);
});
