import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { wordConfidence } from "../../src/asr/confidence.ts";

test("a word is as sure as its least likely token makes it", () => {
  const logprobs = fc.array(fc.float({ min: -30, max: 0, noNaN: true }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(logprobs, fc.nat(), (values, at) => {
      const confidence = wordConfidence(Float32Array.from(values));
      assert.ok(confidence >= 0 && confidence <= 1);
      const worse = values.with(at % values.length, -40);
      assert.ok(wordConfidence(Float32Array.from(worse)) <= confidence);
      const least = Math.min(...Float32Array.from(values));
      assert.equal(wordConfidence(Float32Array.of(least)), confidence);
    }),
  );
});

test("a certain word is nearly certain, and one that was a guess among ten is more likely wrong", () => {
  assert.ok(wordConfidence(Float32Array.of(0)) > 0.99);
  assert.ok(wordConfidence(Float32Array.of(0, Math.log(0.5))) > 0.8);
  assert.ok(wordConfidence(Float32Array.of(0, Math.log(0.1))) < 0.5);
});
