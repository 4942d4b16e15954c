import assert from "node:assert/strict";
import { test } from "node:test";
import { finishedFinals } from "../../bench/finished.ts";

const span = (startMs: number, endMs: number) => ({ startMs, endMs });

test("a clip finishes the final that its end lies in, unless the next clip ends in the same one", () => {
  const [joined, alone, later] = [span(0, 5000), span(6000, 8000), span(9000, 9500)];
  assert.deepEqual(finishedFinals([later, joined, alone], [2000, 4800, 8000, 8700]), [
    null,
    joined,
    alone,
    null,
  ]);
  assert.deepEqual(finishedFinals([], [1000, 2000]), [null, null]);
  assert.deepEqual(finishedFinals([joined], []), []);
});
