import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  asHints,
  faultsOfHints,
  joinHints,
  MAXIMUM_HINTS,
  NO_HINTS,
  parseHints,
} from "../../src/asr/hints.ts";
import { LinescribeError } from "../../src/base/error.ts";

const names = (count: number, prefix = "name") => Array.from({ length: count }, (_, n) => `${prefix} ${n}`);
const refused = (message: RegExp) => ({ code: "ASR_BAD_HINTS", message });

test("hints are composed, trimmed, single-spaced and none twice", () => {
  assert.deepEqual(asHints([" Ana  Müller ", "Ana Mu\u0308ller", "42", "Ö"]), ["Ana Müller", "42", "Ö"]);
});

test("a thousand hints of a hundred characters are taken, one more of either is refused", () => {
  assert.equal(asHints(names(MAXIMUM_HINTS)).length, 1000);
  assert.throws(() => asHints(names(MAXIMUM_HINTS + 1)), refused(/at most 1000 hints, got 1001/));
  assert.throws(() => asHints(names(10_000)), refused(/got 10000/));
  assert.equal(asHints(["x".repeat(100)]).length, 1);
  assert.throws(
    () => asHints(["x".repeat(101)]),
    refused(/hint 0: expected at most 100 characters, got 101/),
  );
});

test("what is no text is refused, and the entry is named but not repeated", () => {
  const bad: [string, RegExp][] = [
    ["Ali\u0000ce", /hint 1: expected no control characters/],
    ["Ali\nce", /hint 1: expected no control/],
    ["\u202eecilA", /hint 1: expected no control/],
    ["Ali\ud800ce", /hint 1: expected no control/],
    ["", /hint 1: expected a letter or a digit/],
    [" ,;! ", /hint 1: expected a letter or a digit/],
  ];
  for (const [hint, message] of bad) {
    assert.throws(() => asHints(["fine", hint]), refused(message));
    assert.throws(
      () => asHints(["fine", hint]),
      (error: Error) => hint === "" || !error.message.includes(hint),
    );
  }
});

test("scripts that need joiners within words have them", () => {
  assert.deepEqual(asHints(["می\u200cخواهم", "東京", "Łódź", "Жуковский"]).length, 4);
});

test("a thousand bad hints make one short message", () => {
  const bad = Array.from({ length: 1000 }, () => "\u0007");
  assert.throws(
    () => asHints(bad),
    (error: Error) => /and 995 more/.test(error.message) && error.message.length < 400,
  );
});

test("any list of strings is either taken whole or refused with the code", () => {
  const anything = fc.array(fc.string({ unit: "binary", maxLength: 120 }), { maxLength: 20 });
  fc.assert(
    fc.property(anything, (list) => {
      const faults = faultsOfHints(list);
      try {
        const hints = asHints(list);
        assert.equal(faults.length, 0);
        assert.equal(new Set(hints).size, hints.length);
        for (const hint of hints) assert.match(hint, /^\S(.*\S)?$/u);
        // What was taken is taken again as it is, unless composing it has made it longer.
        if (hints.every(({ length }) => length <= 100)) assert.deepEqual(asHints(hints), hints);
      } catch (error) {
        assert.ok(error instanceof LinescribeError && error.code === "ASR_BAD_HINTS", String(error));
        assert.ok(faults.length > 0);
      }
    }),
  );
});

test("the hints of a call are phrases between commas", () => {
  assert.deepEqual(parseHints("Alice Johnson, Bob Martin,,  "), ["Alice Johnson", "Bob Martin"]);
  assert.deepEqual(parseHints(""), []);
  assert.throws(() => parseHints("Alice,\u0001"), refused(/hint 1/));
});

test("a call's own hints come first, and the number's give way when there are too many", () => {
  const ofNumber = names(MAXIMUM_HINTS);
  const joined = joinHints(["Alice", "name 3"], ofNumber);
  assert.equal(joined.length, MAXIMUM_HINTS);
  assert.deepEqual(joined.slice(0, 4), ["Alice", "name 3", "name 0", "name 1"]);
  assert.equal(joinHints(NO_HINTS, ofNumber), ofNumber, "the same list, so that calls share a batch");
});
