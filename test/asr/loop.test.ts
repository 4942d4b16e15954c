import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLoop } from "../../src/asr/loop.ts";

const loops = (said: { text: string; language: string }) => isLoop(said, 5);

test("four words or more that are said again at once are a loop, whatever stands around them", () => {
  const word = fc.constantFrom("ja", "nein", "acht", "3", "don't");
  const words = (minLength: number, maxLength: number) => fc.array(word, { minLength, maxLength });
  fc.assert(
    fc.property(words(0, 5), words(4, 8), words(0, 5), (before, round, after) => {
      const text = [...before, ...round.map((one) => `${one},`), ...round, ...after].join(" ");
      assert.ok(loops({ text: `${text}.`, language: "en" }), text);
    }),
  );
  // All words differ, so that nothing shorter repeats either.
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer(), { maxLength: 30 }), (numbers) => {
      assert.equal(
        loops({ text: numbers.map((one) => `w${one}`.replace("-", "m")).join(" "), language: "en" }),
        false,
      );
    }),
  );
  assert.equal(loops({ text: "No, no, no. Eight eight.", language: "en" }), false);
  assert.equal(loops({ text: "the more the merrier the more the", language: "en" }), false);
  assert.equal(loops({ text: "今日は雨です。今日は雨です。", language: "ja" }), true);
  assert.equal(loops({ text: "今日は雨です。明日は雨です。", language: "ja" }), false);
  assert.equal(loops({ text: "", language: "en" }), false);
});

test("one word over and over is a loop where there was no time to say it", () => {
  const english = (text: string, seconds: number) => isLoop({ text, language: "en" }, seconds);
  assert.equal(english("8 8", 0.37), true);
  assert.equal(english("Thor, Thor.", 0.5), true);
  assert.equal(english("No, no.", 0.6), false);
  assert.equal(english("Ha ha ha ha ha ha", 1.2), false);
  assert.equal(english("8 9", 0.3), false);
  assert.equal(english("Eight.", 0.1), false);
});
