import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Attention, pathStarts, tokenStarts } from "../../src/asr/alignment.ts";

/** The greatest sum of a path to each cell, and where the best path to the last one enters each row, by trying all. */
function exhaustive(gain: Float64Array, rows: number, columns: number): number {
  const from = (row: number, column: number): number => {
    const here = gain[row * columns + column] as number;
    if (row === rows - 1 && column === columns - 1) return here;
    const next = [
      ...(row + 1 < rows ? [from(row + 1, column)] : []),
      ...(column + 1 < columns ? [from(row, column + 1)] : []),
      ...(row + 1 < rows && column + 1 < columns ? [from(row + 1, column + 1)] : []),
    ];
    return here + Math.max(...next);
  };
  return from(0, 0);
}

/** The greatest sum of a path that enters rows at these columns. */
function sumThrough(starts: Uint32Array, gain: Float64Array, columns: number): number {
  let sum = 0;
  for (const [row, start] of starts.entries()) {
    const next = starts[row + 1] ?? columns - 1;
    // It leaves a row for the next one diagonally or straight down, whichever gives more; the last row is left never.
    const last = row + 1 === starts.length ? columns - 1 : next;
    for (let column = start; column < last; column++) sum += gain[row * columns + column] as number;
    const corner = gain[row * columns + last] as number;
    if (row + 1 === starts.length || last === start) sum += corner;
    else sum += Math.max(0, corner);
  }
  return sum;
}

test("the path has the greatest sum of all that only go forward", () => {
  const matrices = fc
    .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }))
    .chain(([rows, columns]) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        gain: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
          minLength: rows * columns,
          maxLength: rows * columns,
        }),
      }),
    );
  fc.assert(
    fc.property(matrices, ({ rows, columns, gain }) => {
      const matrix = Float64Array.from(gain);
      const starts = pathStarts(matrix, rows, columns);
      assert.equal(starts.length, rows);
      assert.equal(starts[0], 0);
      for (const [row, start] of starts.entries())
        assert.ok(row === 0 || start >= (starts[row - 1] as number));
      assert.ok((starts.at(-1) as number) < columns);
      assert.ok(Math.abs(sumThrough(starts, matrix, columns) - exhaustive(matrix, rows, columns)) < 1e-9);
    }),
    { numRuns: 500 },
  );
});

/** Heads that look where each token is, with noise, among rows and columns that do not count. */
function attentionOf(starts: readonly number[], positions: number, noise: () => number): Attention {
  const [heads, rows, width] = [3, starts.length + 2, positions + 40];
  const weights = new Float32Array(heads * rows * width).map(() => 0.2 * noise());
  for (let head = 0; head < heads; head++) {
    for (const [token, start] of starts.entries()) {
      const end = starts[token + 1] ?? positions;
      for (let at = start; at < end; at++) weights[(head * rows + token) * width + at] = 0.8 + 0.2 * noise();
    }
    // A stretch that every token looks at, as real heads have.
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < 9; at++) {
        const cell = (head * rows + row) * width + at;
        weights[cell] = (weights[cell] as number) + 100;
      }
    }
  }
  return { weights, heads, rows, width };
}

test("tokens are found where the heads look, to 20 ms, in whatever noise lies around", () => {
  const lengths = fc.array(fc.integer({ min: 6, max: 40 }), { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(lengths, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (spans, noise) => {
      const starts = spans.map((_, index) => spans.slice(0, index).reduce((sum, span) => sum + span, 0));
      const positions = spans.reduce((sum, span) => sum + span, 0);
      const attention = attentionOf(starts, positions, () => noise.next().value as number);
      const found = tokenStarts(attention, spans.length, positions);
      for (const [token, start] of starts.entries()) {
        assert.ok(Math.abs((found[token] as number) - start) <= 1, `${[...found]} for ${starts}`);
      }
    }),
    { numRuns: 100 },
  );
});

test("attention that says nothing still gives rising positions within the utterance", () => {
  for (const value of [0, 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    const weights = new Float32Array(2 * 5 * 3).fill(value);
    const found = tokenStarts({ weights, heads: 2, rows: 5, width: 3 }, 5, 2);
    assert.deepEqual(
      [...found],
      [...found].sort((a, b) => a - b),
    );
    assert.ok(found.every((position) => position < 2));
  }
});
