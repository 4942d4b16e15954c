import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { StableText } from "../../src/call/stable-text.ts";

/** What is stable after each hypothesis. */
function stableAfter(...hypotheses: string[]): string[] {
  const stable = new StableText();
  return hypotheses.map((hypothesis) => {
    const shown = stable.push(hypothesis);
    return shown.text.slice(0, shown.stable);
  });
}

test("what two hypotheses agree on is stable, but for the newest word", () => {
  assert.deepEqual(stableAfter("I would", "I would like", "I would like a"), ["", "I would", "I would like"]);
  assert.deepEqual(stableAfter("I would like", "I would like"), ["", "I would"]);
});

test("case and punctuation are no difference, and a stable word stays as it was shown", () => {
  const stable = new StableText();
  stable.push("Hello, this is");
  stable.push("hello this is Ann");
  const { text } = stable.push("HELLO THIS IS ANN!");
  assert.equal(text, "hello this is ANN!");
});

test("vowel signs and other marks are no punctuation", () => {
  assert.deepEqual(stableAfter("मैं कल आऊँगा और", "मैं काल आऊँगा और"), ["", "मैं"]);
});

test("a hypothesis that takes a stable word back changes what follows, not the word", () => {
  const stable = new StableText();
  for (const hypothesis of ["I want to pay", "I want to pay my"]) stable.push(hypothesis);
  const shown = stable.push("I won two pay my bill today");
  assert.equal(shown.text, "I want to pay my bill today");
  assert.equal(shown.text.slice(0, shown.stable), "I want to pay");
});

test("a word that is in doubt is not stable, nor is what follows, until it is in doubt no more", () => {
  const stable = new StableText();
  const push = (text: string, confidences: number[]) => {
    const shown = stable.push(text, confidences);
    return shown.text.slice(0, shown.stable);
  };
  assert.equal(push("we met Barty there", [0.9, 0.9, 0.4, 0.9]), "");
  assert.equal(push("we met Barty there once", [0.9, 0.9, 0.4, 0.9, 0.9]), "we met");
  assert.equal(
    push("we met Barty there once more", [0.9, 0.9, 0.8, 0.9, 0.9, 0.9]),
    "we met Barty there once",
  );
  const doubtedLate = [0.9, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9];
  assert.equal(push("we met Barty there once more today", doubtedLate), "we met Barty there once more");
});

test("nothing is stable in an empty text, and words without letters count as they are", () => {
  assert.deepEqual(stableAfter("", "", "- a b", "- a b", "你好 吗", "你好 吗"), [
    "",
    "",
    "",
    "- a",
    "- a",
    "- a",
  ]);
});

test("whatever the hypotheses, stable text only grows and is the head of what is shown", () => {
  const word = fc.constantFrom("a", "b", "c", "A.", "d");
  const hypothesis = fc.array(word, { maxLength: 6 }).map((words) => words.join(" "));
  fc.assert(
    fc.property(fc.array(hypothesis, { maxLength: 20 }), (hypotheses) => {
      const stable = new StableText();
      let before = "";
      for (const each of hypotheses) {
        const shown = stable.push(each);
        const head = shown.text.slice(0, shown.stable);
        assert.ok(head.startsWith(before), `"${head}" after "${before}"`);
        assert.ok(shown.stable <= shown.text.length);
        before = head;
      }
    }),
  );
});
