/**
 * Whether what has a confidence of 0.8 is right eight times out of ten.
 */
import { alignEqual } from "./words.ts";

export interface Guess {
  confidence: number;
  right: boolean;
}

const BINS = 10;

/**
 * Which words of a hypothesis are right: those whose normalised forms all stand in the cheapest alignment with the
 * reference. Words that the normaliser leaves nothing of are not judged.
 */
export function guessesOf(
  reference: readonly string[],
  words: readonly { word: string; confidence: number }[],
  normalWords: (text: string) => string[],
): Guess[] {
  const forms = words.flatMap(({ word }, index) => normalWords(word).map((form) => ({ form, index })));
  const pairs = alignEqual(
    reference,
    forms.map(({ form }) => form),
  );
  const found = new Set(pairs.map(([, position]) => position));
  return words.flatMap(({ confidence }, index) => {
    const own = [...forms.keys()].filter((position) => forms[position]?.index === index);
    return own.length === 0 ? [] : [{ confidence, right: own.every((position) => found.has(position)) }];
  });
}

/** Expected calibration error over ten bins of equal width (Naeini et al. 2015), 0..1. */
export function calibrationError(guesses: readonly Guess[]): number {
  let error = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const inside = guesses.filter(
      ({ confidence }) => Math.min(BINS - 1, Math.floor(confidence * BINS)) === bin,
    );
    const right = inside.filter((guess) => guess.right).length;
    const expected = inside.reduce((sum, { confidence }) => sum + confidence, 0);
    error += Math.abs(right - expected) / Math.max(1, guesses.length);
  }
  return error;
}
