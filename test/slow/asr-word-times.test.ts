import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Whisper } from "../../src/asr/whisper.ts";
import { type Clip, clipsIn, samplesOf } from "../asr/clips.ts";
import { assertWordsBesideJoins } from "../asr/joined-clips.ts";
import { loadedWhisper } from "../asr/loaded-whisper.ts";

const SEARCH = { beam: 1, align: true };
/** One encoder position. */
const ROUNDING_MS = 20;

let whisper: Whisper;
before(async () => {
  whisper = await loadedWhisper();
});

test("the words beside the join of two clips lie where it is", async () => {
  await assertWordsBesideJoins(whisper, clipsIn("en").slice(24, 30));
});

test("words in any language are the text, rise, and lie within their utterance, in a batch as alone", async () => {
  for (const language of ["en", "es", "ru"]) {
    const clips = clipsIn(language).slice(2, 4);
    const utterances = clips.map((clip) => ({ pcm16k: samplesOf(clip), language }));
    const together = await whisper.recognise(utterances, SEARCH);
    for (const [row, utterance] of utterances.entries()) {
      const [alone] = await whisper.recognise([utterance], SEARCH);
      const { words, text } = together[row] ?? { words: [], text: "?" };
      assert.equal(words.map(({ word }) => word).join(" "), text);
      let before = 0;
      for (const { startMs, endMs, confidence } of words) {
        assert.ok(before <= startMs && startMs <= endMs, JSON.stringify(words));
        assert.ok(confidence >= 0 && confidence <= 1);
        before = endMs;
      }
      assert.ok(before <= utterance.pcm16k.length / 16);
      assert.deepEqual(
        words.map(({ word }) => word),
        alone?.words.map(({ word }) => word),
      );
      // The last bits of attention depend on how a batch's sums are grouped, and a boundary may hang by them: that of a
      // word beside a pause by on which side of it the word lies.
      const moved = words.filter(
        ({ startMs }, index) => Math.abs(startMs - (alone?.words[index]?.startMs ?? -999)) > ROUNDING_MS,
      );
      assert.ok(moved.length <= 1, JSON.stringify(moved));
    }
  }
});

test("words are timed only when they are asked for, and silence has none", async () => {
  const utterance = { pcm16k: samplesOf(clipsIn("en")[5] as Clip), language: "en" };
  const [partial] = await whisper.recognise([utterance], { beam: 1 });
  const [final] = await whisper.recognise([utterance], SEARCH);
  assert.deepEqual(partial?.words, []);
  assert.equal(final?.text, partial?.text);
  assert.notDeepEqual(final?.words, []);
  const [silence] = await whisper.recognise([{ pcm16k: new Float32Array(16_000), language: "en" }], SEARCH);
  assert.equal(silence?.words.map(({ word }) => word).join(" "), silence?.text);
});
