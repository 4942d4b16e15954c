import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Section, withSection } from "../../bench/results.ts";

const section = (name: string, ...lines: string[]): Section => ({
  name,
  date: "2026-11-23",
  commit: "0123456789",
  machine: "a machine, 2 cores",
  lines,
});

test("a section says when, of what, where and how it was measured", () => {
  const text = withSection("", section("loop DIR", "p99 5 ms"));
  assert.match(text, /## loop DIR\n\n2026-11-23, commit 0123456789, a machine, 2 cores\n/);
  assert.match(text, / {4}npm run bench -- loop DIR --save\n\n```text\np99 5 ms\n```/);
});

test("a section takes the place of the earlier one of its name and leaves others alone", () => {
  const both = withSection(withSection("", section("vad", "one")), section("accuracy", "two"));
  const again = withSection(both, section("vad", "three"));
  assert.ok(again.indexOf("## accuracy") < again.indexOf("## vad"));
  assert.ok(again.includes("three") && again.includes("two") && !again.includes("one\n```"));
});

test("whatever was printed, the file is read back whole", () => {
  const line = fc.oneof(fc.string(), fc.constantFrom("```", "## vad", "<!-- bench: x -->", "$&", "`"));
  fc.assert(
    fc.property(fc.array(line), fc.array(line), (first, second) => {
      const one = withSection("", section("a", ...first));
      const two = withSection(one, section("b", ...second));
      assert.equal(withSection(two, section("b", ...second)), two);
      assert.equal(withSection(two, section("a", ...first)), two);
      assert.equal(two.split("\n<!-- bench: ").length - 1, 2);
    }),
  );
});
