/**
 * When each token was said: a path through the decoder's cross-attention (openai/whisper timing.py).
 *
 * Some heads of Whisper look at the audio of the token that they are about to say. Their attention is normalised per
 * position, smoothed and averaged, and dynamic time warping finds the path through it that only ever goes forward.
 */

/** Cross-attention of one utterance. */
export interface Attention {
  /** Probabilities, [heads, rows, width]; row n is the decoder position that predicts token n. */
  weights: Float32Array;
  heads: number;
  rows: number;
  /** Encoder positions of 20 ms, at least as many as the utterance has. */
  width: number;
}

/** Positions over which the attention is smoothed, odd. */
const MEDIAN_WIDTH = 7;

/**
 * The position at which each token begins.
 *
 * @param tokens - How many leading rows count, end-of-text included; 1 to `rows`.
 * @param positions - How many leading columns count; 1 to `width`.
 * @returns Rising positions, 0 to positions - 1. The first is 0. [tokens]
 */
export function tokenStarts(attention: Attention, tokens: number, positions: number): Uint32Array {
  return pathStarts(meanAttention(attention, tokens, positions), tokens, positions);
}

/**
 * Normalised attention, the mean over heads, smoothed. Whisper smooths each head before; that takes as many times longer
 * as there are heads and moves the median boundary by nothing.
 */
function meanAttention(
  { weights, heads, rows, width }: Attention,
  tokens: number,
  positions: number,
): Float64Array {
  const mean = new Float64Array(tokens * positions);
  const head = new Float64Array(tokens * positions);
  for (let number = 0; number < heads; number++) {
    for (let token = 0; token < tokens; token++) {
      const start = (number * rows + token) * width;
      head.set(weights.subarray(start, start + positions), token * positions);
    }
    normalizeColumns(head, tokens, positions);
    for (let at = 0; at < head.length; at++) mean[at] = (mean[at] as number) + (head[at] as number) / heads;
  }
  for (let at = 0; at < mean.length; at += positions) {
    mean.set(medianFiltered(mean.subarray(at, at + positions)), at);
  }
  return mean;
}

/** Brings every column to mean 0 and standard deviation 1: what a position gives to all tokens says nothing. */
function normalizeColumns(matrix: Float64Array, rows: number, columns: number): void {
  for (let column = 0; column < columns; column++) {
    let [sum, squares] = [0, 0];
    for (let at = column; at < matrix.length; at += columns) sum += matrix[at] as number;
    const mean = sum / rows;
    for (let at = column; at < matrix.length; at += columns) squares += ((matrix[at] as number) - mean) ** 2;
    const deviation = Math.sqrt(squares / rows);
    for (let at = column; at < matrix.length; at += columns) {
      matrix[at] = deviation > 0 ? ((matrix[at] as number) - mean) / deviation : 0;
    }
  }
}

/** Medians of `MEDIAN_WIDTH` neighbours, mirrored at the ends; a row that is too short for that as it is. */
function medianFiltered(row: Float64Array): Float64Array {
  const half = (MEDIAN_WIDTH - 1) / 2;
  if (row.length <= half) return row.slice();
  const last = row.length - 1;
  const sorted = new Float64Array(MEDIAN_WIDTH);
  return row.map((_, position) => {
    for (let count = 0; count < MEDIAN_WIDTH; count++) {
      const at = Math.abs(position - half + count);
      insert(sorted, count, row[at > last ? 2 * last - at : at] as number);
    }
    return sorted[half] as number;
  });
}

/** Puts a value where it belongs among the first `count` of `sorted`. */
function insert(sorted: Float64Array, count: number, value: number): void {
  let at = count;
  for (; at > 0 && (sorted[at - 1] as number) > value; at--) sorted[at] = sorted[at - 1] as number;
  sorted[at] = value;
}

/** Steps of the path: to the next token, to the next position, or both. */
const BOTH = 0;
const TOKEN = 1;
const POSITION = 2;

/**
 * Where each row is entered by the path of the greatest sum from the first to the last cell that goes down, right or
 * both at every step (Sakoe and Chiba 1978).
 */
export function pathStarts(gain: Float64Array, rows: number, columns: number): Uint32Array {
  const steps = new Uint8Array(rows * columns);
  let above = new Float64Array(columns).fill(-Infinity);
  for (let row = 0; row < rows; row++) {
    const best = new Float64Array(columns);
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      const before = column > 0 ? (best[column - 1] as number) : -Infinity;
      const diagonal = column > 0 ? (above[column - 1] as number) : -Infinity;
      const up = above[column] as number;
      let [sum, step] = [before, POSITION];
      if (diagonal > sum) [sum, step] = [diagonal, BOTH];
      if (up > sum) [sum, step] = [up, TOKEN];
      best[column] = (gain[at] as number) + (at === 0 ? 0 : sum);
      steps[at] = step;
    }
    above = best;
  }
  const starts = new Uint32Array(rows);
  for (let [row, column] = [rows - 1, columns - 1]; row >= 0 && column >= 0; ) {
    starts[row] = column;
    const step = row === 0 && column === 0 ? TOKEN : steps[row * columns + column];
    if (step !== POSITION) row -= 1;
    if (step !== TOKEN) column -= 1;
  }
  return starts;
}
