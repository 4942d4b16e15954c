/**
 * What a partial leaves behind for the next one of its utterance: the encoder's view of what was said so far, and the
 * tokens that stand.
 *
 * An utterance of ten seconds that is shown ten times would be encoded fifty seconds long. Its new positions may attend
 * to what was kept of the old ones instead, so that each partial encodes only what is new and, once more, the last
 * second of what is old, which had not heard what came after it. Decoding goes on behind the tokens on which the last two
 * partials agree. Finals hear the whole utterance afresh; only when one is searched again, that goes on from what its first
 * search made, so that it is not encoded twice.
 */
import { POSITION_SAMPLES, windowSamples } from "./window.ts";

/** Encoder positions that were kept: [2 L + 1, positions, width], see `new` in models/README.md. Shared memory. */
export interface KeptPositions {
  positions: number;
  values: Float32Array;
}

/** The state of an open utterance, or of a final that was searched once. Goes between threads as it is: the memory is shared and written once. */
export interface Draft {
  kept: readonly KeptPositions[];
  /** Positions of 20 ms that were kept, in all. */
  positions: number;
  /** Loudest log10 mel energy so far. */
  peak: number;
  /** The newest hypothesis and the one before it. */
  tokens: readonly number[];
  previous: readonly number[];
  /** Log-probabilities of `tokens`, when they were first found. */
  logprobs: readonly number[];
}

/** Positions at the head of a continued row that are kept already: what the two convolutions reach back. */
export const CONTEXT_POSITIONS = 2;
/** Positions that are encoded again: the last second. Half a second made half as many errors again in partials. */
const AGAIN_POSITIONS = 50;
/** The last tokens on which two hypotheses agree may be a word that the end of the audio cut off. */
const HELD_BACK_TOKENS = 3;

export const NO_DRAFT: Draft = { kept: [], positions: 0, peak: -10, tokens: [], previous: [], logprobs: [] };

/** Tokens with which the next hypothesis has to begin. */
export function forcedTokens({ tokens, previous }: Draft): number[] {
  let agreed = 0;
  while (agreed < tokens.length && tokens[agreed] === previous[agreed]) agreed += 1;
  return tokens.slice(0, Math.max(0, agreed - HELD_BACK_TOKENS));
}

/** The sample from which an utterance has to be given to go on from a draft. */
export function continueFrom({ positions }: Draft): number {
  return Math.max(0, positions - CONTEXT_POSITIONS) * POSITION_SAMPLES;
}

/** Samples of the encoder window of an utterance of `samples` in all that goes on from a draft; see `windowSamples`. */
export function draftWindow({ positions }: Draft, samples: number, pool: number): number {
  return windowSamples(samples, pool) - positions * POSITION_SAMPLES;
}

/**
 * How many positions are worth keeping of an utterance of `samples` samples: all but the last second.
 *
 * @param pool - The number is a multiple of it, so that windows stay multiples too.
 */
export function positionsToKeep(samples: number, pool: number): number {
  const heard = Math.floor(samples / POSITION_SAMPLES);
  return Math.max(0, Math.floor((heard - AGAIN_POSITIONS) / pool) * pool);
}

/** The positions of all drafts in one tensor [parts, rows, longest, width], filled up with zeros. */
export function joinKept(drafts: readonly Draft[], parts: number, width: number): Float32Array {
  const longest = Math.max(...drafts.map(({ positions }) => positions));
  const joined = new Float32Array(parts * drafts.length * longest * width);
  for (const [row, { kept }] of drafts.entries()) {
    for (let part = 0; part < parts; part += 1) {
      let at = (part * drafts.length + row) * longest * width;
      for (const { positions, values } of kept) {
        const length = positions * width;
        joined.set(values.subarray(part * length, (part + 1) * length), at);
        at += length;
      }
    }
  }
  return joined;
}

/**
 * The first `count` new positions of one row, copied.
 *
 * @param fresh - [parts, rows, positions, width]
 */
export function keepPositions(
  fresh: Float32Array,
  dims: readonly number[],
  row: number,
  count: number,
): KeptPositions {
  const [parts, rows, positions, width] = dims as [number, number, number, number];
  const values = new Float32Array(
    new SharedArrayBuffer(parts * count * width * Float32Array.BYTES_PER_ELEMENT),
  );
  for (let part = 0; part < parts; part += 1) {
    const from = (part * rows + row) * positions * width;
    values.set(fresh.subarray(from, from + count * width), part * count * width);
  }
  return { positions: count, values };
}
