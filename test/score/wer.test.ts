import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { wordErrorRate, wordErrors } from "../../src/score/wer.ts";

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

/** Totals as jiwer 3 and NIST sclite count them. */
const ORACLE: [reference: string, hypothesis: string, expected: [number, number, number, number]][] = [
  ["", "", [0, 0, 0, 0]],
  ["a b c", "a b c", [0, 0, 0, 3]],
  ["a b c", "", [0, 3, 0, 0]],
  ["", "a b", [0, 0, 2, 0]],
  ["the cat sat on the mat", "the cat sit on mat", [1, 1, 0, 4]],
  ["the cat sat", "oh the black cat sat", [0, 0, 2, 3]],
  ["a b c d", "b c d e", [0, 1, 1, 3]],
  ["hello world", "goodbye moon base", [2, 0, 1, 0]],
];

test("errors are counted as the oracle counts them", () => {
  for (const [reference, hypothesis, [substitutions, deletions, insertions, hits]] of ORACLE) {
    assert.deepEqual(
      wordErrors(words(reference), words(hypothesis)),
      { substitutions, deletions, insertions, hits },
      `${reference} | ${hypothesis}`,
    );
  }
});

const sentence = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 8 });

/** The edit distance by its definition, slow and obvious. */
function distance(from: string[], to: string[]): number {
  const [head, ...tail] = from;
  const [other, ...rest] = to;
  if (head === undefined) return to.length;
  if (other === undefined) return from.length;
  if (head === other) return distance(tail, rest);
  return 1 + Math.min(distance(tail, to), distance(from, rest), distance(tail, rest));
}

test("the number of errors is the edit distance, and every word is accounted for", () => {
  fc.assert(
    fc.property(sentence, sentence, (reference, hypothesis) => {
      const errors = wordErrors(reference, hypothesis);
      assert.equal(
        errors.substitutions + errors.deletions + errors.insertions,
        distance(reference, hypothesis),
      );
      assert.equal(errors.hits + errors.substitutions + errors.deletions, reference.length);
      assert.equal(errors.hits + errors.substitutions + errors.insertions, hypothesis.length);
    }),
    { numRuns: 300 },
  );
});

test("the rate is over all reference words and not the mean of rates", () => {
  const pairs = [
    {
      reference: "one two three four five six seven eight",
      hypothesis: "one two three four five six seven ate",
    },
    { reference: "yes", hypothesis: "no" },
  ];
  const plain = wordErrorRate(pairs, (text) => text);
  assert.deepEqual(plain, { wer: 2 / 9, substitutions: 2, deletions: 0, insertions: 0, words: 9 });
});

test("both sides are normalised before they are compared", () => {
  const pairs = [
    { reference: "Mr. Smith won't pay $20.", hypothesis: "mister smith will not pay twenty dollars" },
  ];
  assert.equal(wordErrorRate(pairs, normalizeEnglish).wer, 0);
  assert.ok(wordErrorRate(pairs, (text) => text).wer > 0.5);
});

test("no words and no errors is a rate of 0; words heard in silence count", () => {
  assert.equal(wordErrorRate([], normalizeEnglish).wer, 0);
  assert.deepEqual(wordErrorRate([{ reference: "", hypothesis: "thank you" }], normalizeEnglish), {
    wer: 2,
    substitutions: 0,
    deletions: 0,
    insertions: 2,
    words: 0,
  });
});
