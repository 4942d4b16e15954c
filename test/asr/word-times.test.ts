import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Whisper } from "../../src/asr/whisper.ts";
import { type Clip, clipsIn, samplesOf } from "./clips.ts";
import { loadedWhisper } from "./loaded-whisper.ts";

const SEARCH = { beam: 1, align: true };
const JOIN_MS = 600;
/** What the middle of many may be off by, and a single one. */
const MEDIAN_MS = 80;
const WORST_MS = 300;
/** One encoder position. */
const ROUNDING_MS = 20;

let whisper: Whisper;
before(async () => {
  whisper = await loadedWhisper();
});

/** From the first to the last 10 ms that are within 30 dB of the loudest. 16 kHz */
function sound(clip: Clip): Float32Array {
  const pcm = samplesOf(clip);
  const levels = Array.from({ length: Math.floor(pcm.length / 160) }, (_, frame) =>
    pcm.subarray(frame * 160, (frame + 1) * 160).reduce((sum, sample) => sum + sample * sample, 0),
  );
  const loud = Math.max(...levels) / 1000;
  const last = levels.findLastIndex((level) => level > loud);
  return pcm.slice(levels.findIndex((level) => level > loud) * 160, (last + 1) * 160);
}

test("the words beside the join of two clips lie where it is", async () => {
  const clips = clipsIn("en").slice(-8);
  const distances: number[] = [];
  for (let index = 0; index + 1 < clips.length; index += 2) {
    const [first, second] = [sound(clips[index] as Clip), sound(clips[index + 1] as Clip)];
    const pcm16k = new Float32Array(first.length + JOIN_MS * 16 + second.length);
    pcm16k.set(first);
    pcm16k.set(second, first.length + JOIN_MS * 16);
    const [result] = await whisper.recognise([{ pcm16k, language: "en" }], SEARCH);
    const words = result?.words ?? [];
    assert.equal(words.map(({ word }) => word).join(" "), result?.text);
    const [endMs, startMs] = [first.length / 16, first.length / 16 + JOIN_MS];
    const before = words.findLast((word) => word.startMs < endMs + JOIN_MS / 2);
    const behind = words.find((word) => word.startMs >= endMs + JOIN_MS / 2);
    distances.push(Math.abs((before?.endMs ?? 0) - endMs), Math.abs((behind?.startMs ?? 0) - startMs));
    assert.ok(Math.abs((words.at(-1)?.endMs ?? 0) - pcm16k.length / 16) <= WORST_MS);
  }
  const sorted = distances.sort((a, b) => a - b);
  assert.ok((sorted[sorted.length / 2] ?? 999) <= MEDIAN_MS, `${sorted}`);
});

test("words in any language are the text, rise, and lie within their utterance, in a batch as alone", async () => {
  for (const language of ["en", "es", "ru"]) {
    const clips = clipsIn(language).slice(-2);
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
