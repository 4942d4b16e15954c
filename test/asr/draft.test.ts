/**
 * Utterances that go on: partials that encode and decode only what is new.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import {
  continueFrom,
  type Draft,
  forcedTokens,
  joinKept,
  keepPositions,
  NO_DRAFT,
  positionsToKeep,
} from "../../src/asr/draft.ts";
import type { Whisper } from "../../src/asr/whisper.ts";
import { POSITION_SAMPLES } from "../../src/asr/window.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { wordErrorRate } from "../../src/score/wer.ts";
import { type Clip, clipsIn, samplesOf } from "./clips.ts";
import { loadedWhisper } from "./loaded-whisper.ts";

let whisper: Whisper;
before(async () => {
  whisper = await loadedWhisper();
});

const PARTS = 3;
const WIDTH = 2;

/** A draft whose values tell part, position and column apart. */
function numbered(lengths: readonly number[]): Draft {
  let position = 0;
  const kept = lengths.map((positions) => {
    const values = new Float32Array(PARTS * positions * WIDTH);
    for (let part = 0; part < PARTS; part++) {
      for (let n = 0; n < positions; n++) {
        values.fill(
          1 + 1000 * part + position + n,
          (part * positions + n) * WIDTH,
          (part * positions + n + 1) * WIDTH,
        );
      }
    }
    position += positions;
    return { positions, values };
  });
  return { ...NO_DRAFT, kept, positions: position };
}

test("what was kept in pieces is joined in order, whatever the pieces", () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(pieces, { minLength: 1, maxLength: 4 }), (rows) => {
      const drafts = rows.map(numbered);
      const longest = Math.max(...drafts.map(({ positions }) => positions));
      const joined = joinKept(drafts, PARTS, WIDTH);
      assert.equal(joined.length, PARTS * rows.length * longest * WIDTH);
      joined.forEach((value, at) => {
        const position = Math.floor(at / WIDTH) % longest;
        const row = Math.floor(at / WIDTH / longest) % rows.length;
        const part = Math.floor(at / WIDTH / longest / rows.length);
        const isKept = position < (drafts[row] as Draft).positions;
        assert.equal(value, isKept ? 1 + 1000 * part + position : 0);
      });
    }),
  );
});

test("the first positions of a row are copied, part by part", () => {
  const dims = [PARTS, 2, 5, WIDTH];
  const fresh = Float32Array.from({ length: PARTS * 2 * 5 * WIDTH }, (_, index) => index);
  const { positions, values } = keepPositions(fresh, dims, 1, 2);
  assert.equal(positions, 2);
  assert.deepEqual([...values], [10, 11, 12, 13, 30, 31, 32, 33, 50, 51, 52, 53]);
});

test("tokens stand on which two hypotheses agree, but for the last of them", () => {
  const draft = (tokens: number[], previous: number[]) => ({ ...NO_DRAFT, tokens, previous });
  assert.deepEqual(forcedTokens(draft([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5])), [1, 2]);
  assert.deepEqual(forcedTokens(draft([1, 9, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])), []);
  assert.deepEqual(forcedTokens(draft([1, 2, 3, 4, 5], [])), []);
});

test("the last second of an utterance is given again, and two positions before what is not kept", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 30 * MODEL_RATE_HZ }), (samples) => {
      const positions = positionsToKeep(samples, 8);
      assert.equal(positions % 8, 0);
      assert.ok(positions === 0 || samples - positions * POSITION_SAMPLES >= MODEL_RATE_HZ);
      assert.ok(
        samples - positions * POSITION_SAMPLES < MODEL_RATE_HZ * 1.2 + POSITION_SAMPLES || positions === 0,
      );
      assert.equal(continueFrom({ ...NO_DRAFT, positions }), Math.max(0, positions - 2) * POSITION_SAMPLES);
    }),
  );
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
