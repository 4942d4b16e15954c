/**
 * Utterances that go on: partials that encode and decode only what is new, heard by the model.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { continueFrom, type Draft, NO_DRAFT } from "../../src/asr/draft.ts";
import type { Whisper } from "../../src/asr/whisper.ts";
import { POSITION_SAMPLES } from "../../src/asr/window.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { wordErrorRate } from "../../src/score/wer.ts";
import { type Clip, clipsIn, samplesOf } from "../asr/clips.ts";
import { loadedWhisper } from "../asr/loaded-whisper.ts";

let whisper: Whisper;
before(async () => {
  whisper = await loadedWhisper();
});

/** Partials every 0.9 s of two clips, the second of which begins a second later, in the same batches. */
async function partials(clips: readonly Float32Array[]) {
  const drafts: Draft[] = clips.map(() => NO_DRAFT);
  const texts: string[] = clips.map(() => "");
  const encoded: number[] = clips.map(() => 0);
  const longest = Math.max(...clips.map(({ length }) => length));
  for (let endMs = 900; endMs - 900 < (longest / MODEL_RATE_HZ) * 1000 + 900; endMs += 900) {
    const heard = clips.map((clip, index) =>
      Math.min(clip.length, ((endMs - 900 * index) / 1000) * MODEL_RATE_HZ),
    );
    const rows = [...clips.keys()].filter((index) => (heard[index] as number) > 0);
    const results = await whisper.recogniseOpen(
      rows.map((index) => {
        const draft = drafts[index] as Draft;
        const pcm16k = (clips[index] as Float32Array).slice(continueFrom(draft), heard[index]);
        encoded[index] = (encoded[index] as number) + pcm16k.length;
        return { pcm16k, language: "en", draft };
      }),
    );
    for (const [at, index] of rows.entries()) {
      const { draft, text, tokens, logprobs, confidences = [] } = results[at] as (typeof results)[0];
      assert.equal(confidences.length, text.split(/\s+/).filter(Boolean).length, "one for each word");
      assert.equal(logprobs.length, tokens.length, "forced tokens keep theirs");
      assert.ok(logprobs.every((logprob) => logprob <= 0));
      drafts[index] = draft as Draft;
      texts[index] = text;
    }
  }
  return { texts, drafts, encoded };
}

test("an utterance heard piece by piece has the words that it has as a whole", async () => {
  const clips = clipsIn("en")
    .slice(42, 44)
    .map((clip: Clip) => samplesOf(clip));
  const { texts, drafts, encoded } = await partials(clips);
  for (const [index, clip] of clips.entries()) {
    const [whole] = await whisper.recognise([{ pcm16k: clip, language: "en" }], { beam: 1 });
    const pair = { reference: whole?.text ?? "", hypothesis: texts[index] ?? "" };
    const { substitutions, deletions, insertions } = wordErrorRate([pair], normalizeEnglish);
    assert.ok(substitutions + deletions + insertions <= 1, `"${pair.hypothesis}" for "${pair.reference}"`);
    assert.ok((drafts[index] as Draft).positions * POSITION_SAMPLES > clip.length - 1.5 * MODEL_RATE_HZ);
    const repeats = clip.length / (0.9 * MODEL_RATE_HZ);
    assert.ok((encoded[index] as number) < repeats * 2.3 * MODEL_RATE_HZ);
  }
});
