import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findCut } from "../../src/vad/cut.ts";

const OFFSET = 0.3;

test("the cut lies in the middle of the longest pause", () => {
  assert.equal(findCut([0.9, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.9], 0, OFFSET), 5);
  assert.equal(findCut([0.9, 0.1, 0.1, 0.1, 0.9], 0, OFFSET), 2.5);
});

test("of two pauses of the same length the later is cut", () => {
  assert.equal(findCut([0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.9], 0, OFFSET), 5);
});

test("without a pause the least certain frame is cut, of equal ones the later", () => {
  assert.equal(findCut([0.9, 0.4, 0.9, 0.5, 0.9], 0, OFFSET), 1.5);
  assert.equal(findCut([0.9, 0.4, 0.9, 0.4, 0.9], 0, OFFSET), 3.5);
});

test("a long pause before the search is not looked at, and one that reaches into it counts from there", () => {
  assert.equal(findCut([0.1, 0.1, 0.1, 0.9, 0.1, 0.9], 3, OFFSET), 4.5);
  assert.equal(findCut([0.1, 0.1, 0.1, 0.1, 0.9, 0.9], 2, OFFSET), 3);
});

test("for any probabilities the cut is after the start of the search and before the end", () => {
  const given = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(given, fc.nat(), (probabilities, seed) => {
      const from = seed % probabilities.length;
      const cut = findCut(probabilities, from, OFFSET);
      assert.ok(cut > from && cut < probabilities.length);
      assert.equal((2 * cut) % 1, 0);
    }),
  );
});
