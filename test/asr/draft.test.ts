/**
 * Utterances that go on: partials that encode and decode only what is new.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
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
import { POSITION_SAMPLES } from "../../src/asr/window.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";

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
