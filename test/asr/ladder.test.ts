import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLoop, recogniseFinals } from "../../src/asr/ladder.ts";
import type { Recognition, Search, UtteranceAudio } from "../../src/asr/whisper.ts";
import { FULL_PAD_SAMPLES } from "../../src/asr/window.ts";

const SURE = { logprob: -0.1, lowestLogprob: -0.3 };
const UNSURE = { logprob: -0.2, lowestLogprob: -2 };
const WEAK = { logprob: -0.8, lowestLogprob: -2 };
const LOOP = { text: "and so it goes on and so it goes on", ...SURE };

function recognition(partial: Partial<Recognition>): Recognition {
  const nothing = {
    text: "one",
    tokens: [1],
    words: [],
    noSpeech: 0,
    language: "en",
    retries: [],
    decodeMs: 1,
  };
  return { ...nothing, ...SURE, ...partial };
}

/** Answers the first search with `first` and later ones with `later`, in order, and notes what was asked. */
function scripted(first: Partial<Recognition>[], later: Partial<Recognition>[] = []) {
  const asked: { search: Search; languages: string[] }[] = [];
  const answers = [first, ...later.map((one) => [one])];
  return {
    asked,
    recognise: async (utterances: readonly UtteranceAudio[], search: Search) => {
      asked.push({ search, languages: utterances.map(({ language }) => language) });
      return (answers[asked.length - 1] ?? []).map(recognition);
    },
  };
}

const utterance = (language = "en"): UtteranceAudio => ({ pcm16k: new Float32Array(16_000), language });

test("what greedy search is sure of is searched once, the whole batch together", async () => {
  const searcher = scripted([{ text: "one" }, { text: "two" }]);
  const finals = await recogniseFinals(searcher, [utterance(), utterance()], 3);
  assert.deepEqual(
    finals.map(({ text, retries }) => [text, retries]),
    [
      ["one", []],
      ["two", []],
    ],
  );
  assert.deepEqual(searcher.asked, [{ search: { beam: 1, align: true }, languages: ["en", "en"] }]);
});

test("an unlikely token is searched for again with the beam, and the likelier result is kept", async () => {
  for (const [later, text] of [
    [{ text: "two", logprob: -0.19 }, "two"],
    [{ text: "two", logprob: -0.21 }, "one"],
  ] as const) {
    const searcher = scripted([{ ...UNSURE }, { text: "sure" }], [later]);
    const [unsure, sure] = await recogniseFinals(searcher, [utterance(), utterance()], 5);
    assert.equal(unsure?.text, text);
    assert.deepEqual([unsure?.retries, sure?.retries], [["beam"], []]);
    assert.deepEqual(searcher.asked.slice(1), [{ search: { beam: 5, align: true }, languages: ["en"] }]);
  }
});

test("what is weak with the beam too sees the full window", async () => {
  const searcher = scripted([WEAK], [WEAK, { text: "two", logprob: -0.6 }]);
  const [final] = await recogniseFinals(searcher, [utterance()], 3);
  assert.deepEqual([final?.text, final?.retries], ["two", ["beam", "window"]]);
  assert.equal(searcher.asked[2]?.search.padSamples, FULL_PAD_SAMPLES);
  const better = scripted([WEAK], [UNSURE]);
  assert.deepEqual((await recogniseFinals(better, [utterance()], 3))[0]?.retries, ["beam"]);
});

test("what sounds like silence is not searched for words", async () => {
  const searcher = scripted([{ ...WEAK, noSpeech: 0.7 }]);
  const [final] = await recogniseFinals(searcher, [utterance()], 3);
  assert.deepEqual([final?.retries, searcher.asked.length], [[], 1]);
});

test("with a beam of 1 only the window is tried", async () => {
  const searcher = scripted([WEAK], [SURE]);
  const [final] = await recogniseFinals(searcher, [utterance()], 1);
  assert.deepEqual([final?.retries, searcher.asked[1]?.search.beam], [["window"], 1]);
});

test("a loop is tried again however likely it is, and wins against nothing that is none", async () => {
  const searcher = scripted([LOOP], [LOOP, { text: "and so it goes on", ...WEAK }]);
  const [final] = await recogniseFinals(searcher, [utterance()], 3);
  assert.deepEqual([final?.text, final?.retries], ["and so it goes on", ["beam", "window"]]);
  const other = scripted([UNSURE], [LOOP]);
  assert.equal((await recogniseFinals(other, [utterance()], 3))[0]?.text, "one");
});

test("the language that was detected is not asked for again", async () => {
  const searcher = scripted([{ language: "fr", ...UNSURE }], [{ language: "fr" }]);
  await recogniseFinals(searcher, [utterance("auto")], 3);
  assert.deepEqual(
    searcher.asked.map(({ languages }) => languages),
    [["auto"], ["fr"]],
  );
});

test("four words or more that are said again at once are a loop, whatever stands around them", () => {
  const word = fc.constantFrom("ja", "nein", "acht", "3", "don't");
  const words = (minLength: number, maxLength: number) => fc.array(word, { minLength, maxLength });
  fc.assert(
    fc.property(words(0, 5), words(4, 8), words(0, 5), (before, round, after) => {
      const text = [...before, ...round.map((one) => `${one},`), ...round, ...after].join(" ");
      assert.ok(isLoop({ text: `${text}.`, language: "en" }), text);
    }),
  );
  // All words differ, so that nothing shorter repeats either.
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer(), { maxLength: 30 }), (numbers) => {
      assert.equal(
        isLoop({ text: numbers.map((one) => `w${one}`.replace("-", "m")).join(" "), language: "en" }),
        false,
      );
    }),
  );
  assert.equal(isLoop({ text: "No, no, no. Eight eight.", language: "en" }), false);
  assert.equal(isLoop({ text: "the more the merrier the more the", language: "en" }), false);
  assert.equal(isLoop({ text: "今日は雨です。今日は雨です。", language: "ja" }), true);
  assert.equal(isLoop({ text: "今日は雨です。明日は雨です。", language: "ja" }), false);
  assert.equal(isLoop({ text: "", language: "en" }), false);
});
