import assert from "node:assert/strict";
import { test } from "node:test";
import { type Draft, NO_DRAFT } from "../../src/asr/draft.ts";
import * as ladder from "../../src/asr/ladder.ts";
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
    logprobs: [-0.1],
    words: [],
    noSpeech: 0,
    language: "en",
    retries: [],
    decodeMs: 1,
  };
  return { ...nothing, ...SURE, ...partial };
}

/** What the first search kept of a row. */
const draftOf = (row: number): Draft => ({ ...NO_DRAFT, positions: row });

/** Answers the first search with `first` and later ones with `later`, in order, and notes what was asked. */
function scripted(first: Partial<Recognition>[], later: Partial<Recognition>[] = []) {
  const asked: { search: Search; languages: string[]; again?: Draft }[] = [];
  const answers = [first, ...later.map((one) => [one])];
  const answer = () => (answers[asked.length - 1] ?? []).map(recognition);
  return {
    asked,
    recognise: async (utterances: readonly UtteranceAudio[], search: Search) => {
      asked.push({ search, languages: utterances.map(({ language }) => language) });
      return search.keep ? answer().map((kept, row) => ({ ...kept, draft: draftOf(row) })) : answer();
    },
    recogniseAgain: async ({ language }: UtteranceAudio, again: Draft, search: Search) => {
      asked.push({ search, languages: [language], again });
      return answer()[0] as Recognition;
    },
  };
}

/** Of a device that has memory for everything. */
const recogniseFinals = async (...asked: Parameters<typeof ladder.recogniseFinals>) =>
  (await ladder.recogniseFinals(...asked)) as Recognition[];

/** Two seconds of sound. */
const utterance = (language = "en"): UtteranceAudio => ({
  pcm16k: new Float32Array(32_000).map((_, at) => Math.sin(at)),
  language,
});

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
  assert.deepEqual(searcher.asked, [
    { search: { beam: 1, keep: true, align: true }, languages: ["en", "en"] },
  ]);
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
    assert.deepEqual(searcher.asked.slice(1), [
      { search: { beam: 5, align: true }, languages: ["en"], again: draftOf(0) },
    ]);
  }
});

test("a loop is tried again with a longer pad and then in the full window, until it is none", async () => {
  const searcher = scripted([LOOP], [LOOP, LOOP, { text: "and so it goes on", ...WEAK }]);
  const [final] = await recogniseFinals(searcher, [utterance()], 3);
  assert.deepEqual([final?.text, final?.retries], ["and so it goes on", ["beam", "pad", "window"]]);
  assert.deepEqual(
    searcher.asked.map(({ search }) => search.padSamples),
    [undefined, undefined, 32_000, FULL_PAD_SAMPLES],
  );
  const padded = scripted([LOOP], [LOOP, WEAK]);
  assert.deepEqual((await recogniseFinals(padded, [utterance()], 3))[0]?.retries, ["beam", "pad"]);
  const stubborn = scripted([LOOP], [LOOP, LOOP, LOOP]);
  assert.equal((await recogniseFinals(stubborn, [utterance()], 3))[0]?.text, LOOP.text);
});

test("a loop wins against nothing that is none, however likely it is", async () => {
  const searcher = scripted([UNSURE], [LOOP]);
  assert.equal((await recogniseFinals(searcher, [utterance()], 3))[0]?.text, "one");
});

test("what is shorter than a second is searched again only when it is a loop", async () => {
  const short = { ...utterance(), pcm16k: utterance().pcm16k.subarray(0, 9600) };
  const sure = scripted([UNSURE]);
  assert.deepEqual((await recogniseFinals(sure, [short], 3))[0]?.retries, []);
  const searcher = scripted(
    [{ text: "Eight, eight.", ...SURE }],
    [
      { text: "8 8", ...SURE },
      { text: "8", ...WEAK },
    ],
  );
  const half = { ...short, pcm16k: short.pcm16k.subarray(0, 6400) };
  const [final] = await recogniseFinals(searcher, [half], 3);
  assert.deepEqual([final?.text, final?.retries], ["8", ["beam", "pad"]]);
});

test("what sounds like no speech is searched again only when it is a loop", async () => {
  const searcher = scripted([{ ...WEAK, noSpeech: 0.7 }]);
  const [final] = await recogniseFinals(searcher, [utterance()], 3);
  assert.deepEqual([final?.retries, searcher.asked.length], [[], 1]);
  const loop = scripted([{ ...LOOP, noSpeech: 0.7 }], [WEAK]);
  assert.deepEqual((await recogniseFinals(loop, [utterance()], 3))[0]?.retries, ["beam"]);
});

test("a short answer that begins with its sound is heard behind 0.15 s of silence, and timed without it", async () => {
  const lengths: number[] = [];
  const words = [{ word: "yes", startMs: 140, endMs: 450, confidence: 1 }];
  const searcher = {
    recognise: async (utterances: readonly UtteranceAudio[]) =>
      utterances.map(({ pcm16k }) => {
        lengths.push(pcm16k.length);
        return recognition({ words });
      }),
    recogniseAgain: () => assert.fail("everything was likely"),
  };
  const { pcm16k, language } = utterance();
  const abrupt = { pcm16k: pcm16k.slice(0, 8000), language };
  const led = { pcm16k: new Float32Array(8000), language };
  led.pcm16k.set(pcm16k.subarray(0, 4800), 3200);
  const finals = await recogniseFinals(searcher, [abrupt, led, { pcm16k, language }], 3);
  assert.deepEqual(lengths, [10_400, 8000, 32_000]);
  assert.deepEqual(
    finals.map((final) => final.words.map(({ startMs, endMs }) => [startMs, endMs])),
    [[[0, 300]], [[140, 450]], [[140, 450]]],
  );
  assert.deepEqual(abrupt.pcm16k, pcm16k.subarray(0, 8000));
});

test("silence has no words, whatever its offset", async () => {
  for (const value of [0, 0.9]) {
    const searcher = scripted([{ text: "Thank you.", tokens: [1, 2], ...WEAK }]);
    const silence = { pcm16k: new Float32Array(16_000).fill(value), language: "en" };
    const [final] = await recogniseFinals(searcher, [silence], 3);
    assert.deepEqual([final?.text, final?.tokens, final?.words, searcher.asked.length], ["", [], [], 1]);
  }
});

test("with a beam of 1 only loops are searched again", async () => {
  const unsure = scripted([WEAK]);
  assert.deepEqual((await recogniseFinals(unsure, [utterance()], 1))[0]?.retries, []);
  const searcher = scripted([LOOP], [LOOP, SURE]);
  const [final] = await recogniseFinals(searcher, [utterance()], 1);
  assert.deepEqual([final?.retries, searcher.asked[1]?.search.beam], [["pad", "window"], 1]);
});

test("the language that was detected is not asked for again", async () => {
  const searcher = scripted([{ language: "fr", ...UNSURE }], [{ language: "fr" }]);
  await recogniseFinals(searcher, [utterance("auto")], 3);
  assert.deepEqual(
    searcher.asked.map(({ languages }) => languages),
    [["auto"], ["fr"]],
  );
});

test("what is hinted is searched widely at once, and its result is not weighed against one without the hint", async () => {
  const searcher = scripted([{ text: "Dedalus", ...WEAK }], [{ text: "deadless", ...SURE }]);
  const [final] = await recogniseFinals(searcher, [{ ...utterance(), hints: ["Dedalus"] }], 3);
  assert.deepEqual([final?.text, final?.retries], ["Dedalus", []]);
  assert.deepEqual(
    searcher.asked.map(({ search }) => search),
    [{ beam: 3, align: true }],
  );
});

test("a loop that hints made is searched again with more silence", async () => {
  const searcher = scripted([LOOP], [{ text: "Dedalus" }]);
  const [final] = await recogniseFinals(searcher, [{ ...utterance(), hints: ["Dedalus"] }], 3);
  assert.deepEqual([final?.text, final?.retries], ["Dedalus", ["pad"]]);
});

test("where nothing is kept, the rows that need a retry share it, each language for itself", async () => {
  const asked: [number, string, number | undefined][] = [];
  const searcher = {
    recognise: async (utterances: readonly UtteranceAudio[], { beam, padSamples }: Search) => {
      asked.push([utterances.length, utterances.map(({ language }) => language).join(), padSamples]);
      const spoken = ["en", "es", "en", "en"];
      return utterances.map(({ language }, row) =>
        beam === 1
          ? recognition({ ...(row === 3 ? {} : UNSURE), language: spoken[row] as string })
          : recognition({ text: "better", language }),
      );
    },
    recogniseAgain: async () => assert.fail("nothing was kept"),
  };
  const four = [utterance("auto"), utterance("auto"), utterance("auto"), utterance("auto")];
  const finals = (await ladder.recogniseFinals(searcher, four, 3, false)) as Recognition[];
  assert.deepEqual(
    finals.map(({ text, language, retries }) => [text, language, retries.length]),
    [
      ["better", "en", 1],
      ["better", "es", 1],
      ["better", "en", 1],
      ["one", "en", 0],
    ],
  );
  assert.deepEqual(asked, [
    [4, "auto,auto,auto,auto", undefined],
    [2, "en,en", undefined],
    [1, "es", undefined],
  ]);
});

test("a row whose search or retry could not be done has no result, and its neighbours have theirs", async () => {
  const misfit = { misfit: "no memory" };
  const searcher = {
    recognise: async (_: readonly UtteranceAudio[], { beam }: Search) =>
      beam === 1
        ? [misfit, recognition(UNSURE), recognition(UNSURE)]
        : [misfit, recognition({ text: "two" })],
    recogniseAgain: async () => assert.fail("nothing was kept"),
  };
  const finals = await ladder.recogniseFinals(searcher, [utterance(), utterance(), utterance()], 3, false);
  assert.deepEqual(
    finals.map((portion) => ("misfit" in portion ? portion : portion.text)),
    [misfit, misfit, "two"],
  );
});
