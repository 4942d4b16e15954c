import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError, messageOf } from "../../src/base/error.ts";
import { expectInteger, expectNumber } from "../../src/base/guards.ts";
import { maskNumber, silentLogger } from "../../src/base/log.ts";
import { exactDiv, msToSamples, samplesToMs } from "../../src/base/time.ts";

test("counters start at nothing, add up, and are listed by name in whole numbers", () => {
  const counters = new Counters();
  assert.equal(counters.get("b"), 0);
  counters.add("b");
  counters.add("a", 5);
  counters.add("b", 1.7);
  counters.add("b", 0.6);
  assert.deepEqual(Object.entries(counters.snapshot()), [
    ["a", 5],
    ["b", 3],
  ]);
});

test("a whole number of milliseconds survives the way through samples at both rates", () => {
  fc.assert(
    fc.property(fc.nat(24 * 3600 * 1000), fc.constantFrom(8000, 16_000), (ms, rateHz) => {
      assert.equal(samplesToMs(msToSamples(ms, rateHz), rateHz), ms);
    }),
  );
});

test("a quotient that is not whole fails where the constant is made", () => {
  assert.equal(exactDiv(16_000, 50), 320);
  assert.throws(() => exactDiv(16_000, 7), RangeError);
});

test("guards tell a wrong type from a wrong value, and let the bounds pass", () => {
  assert.equal(expectInteger("beam", 1, 1, 5), 1);
  assert.equal(expectInteger("beam", 5, 1, 5), 5);
  for (const value of [0, 6, 1.5, Number.NaN, Infinity]) {
    assert.throws(() => expectInteger("beam", value, 1, 5), { name: "RangeError", message: /"beam"/ });
  }
  assert.equal(expectNumber("threshold", 0.5, 0, 1), 0.5);
  for (const value of [-0.1, 1.1, Number.NaN, Infinity]) {
    assert.throws(() => expectNumber("threshold", value, 0, 1), RangeError);
  }
  assert.throws(() => expectInteger("beam", "1" as unknown as number, 1), TypeError);
  assert.throws(() => expectNumber("beam", null as unknown as number, 0, 1), TypeError);
});

test("an error carries its code, is not retryable unless it says so, and keeps its cause", () => {
  const cause = new Error("disk");
  const error = new LinescribeError("STORE_FULL", "no space", { retryable: true, cause });
  assert.deepEqual(
    [error.code, error.retryable, error.cause, error.name],
    ["STORE_FULL", true, cause, "LinescribeError"],
  );
  assert.equal(new LinescribeError("STORE_FULL", "no space").retryable, false);
  assert.equal("cause" in new LinescribeError("STORE_FULL", "no space"), false);
  assert.deepEqual(
    [messageOf(cause), messageOf("text"), messageOf(undefined)],
    ["disk", "text", "undefined"],
  );
});

test("a masked number keeps its length, its last four characters, and never more than half of it", () => {
  assert.equal(maskNumber("+15550101234"), "********1234");
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (number) => {
      const masked = maskNumber(number);
      assert.equal(masked.length, number.length);
      const shown = masked.length - (/^\**/.exec(masked)?.[0].length ?? 0);
      assert.ok(shown <= 4 && shown <= number.length / 2);
    }),
  );
});

test("the silent logger has silent children", () => {
  assert.equal(silentLogger.child({ callSid: "CA1" }), silentLogger);
});
