/**
 * Word error rate.
 */
import { wordsOf } from "./unicode.ts";

export interface WordErrors {
  substitutions: number;
  deletions: number;
  insertions: number;
  /** Words of the reference that were heard. */
  hits: number;
}

interface Cost {
  total: number;
  substitutions: number;
  deletions: number;
  insertions: number;
}

/** The cheapest of the three ways to end an alignment; a substitution or hit wins ties, then a deletion. */
function step(diagonal: Cost, above: Cost, left: Cost, same: boolean): Cost {
  const wrong = same ? 0 : 1;
  if (diagonal.total + wrong <= above.total + 1 && diagonal.total + wrong <= left.total + 1) {
    return {
      ...diagonal,
      total: diagonal.total + wrong,
      substitutions: diagonal.substitutions + wrong,
    };
  }
  if (above.total <= left.total) return { ...above, total: above.total + 1, deletions: above.deletions + 1 };
  return { ...left, total: left.total + 1, insertions: left.insertions + 1 };
}

/**
 * Counts the fewest changes that turn the reference into the hypothesis (Levenshtein over words). Their sum is
 * unique; where several alignments have it, substitutions are preferred. Time grows with the product of the lengths,
 * memory with the hypothesis.
 */
export function wordErrors(reference: readonly string[], hypothesis: readonly string[]): WordErrors {
  let row: Cost[] = Array.from({ length: hypothesis.length + 1 }, (_, column) => ({
    total: column,
    substitutions: 0,
    deletions: 0,
    insertions: column,
  }));
  reference.forEach((word, index) => {
    const first: Cost = { total: index + 1, substitutions: 0, deletions: index + 1, insertions: 0 };
    const next: Cost[] = [first];
    hypothesis.forEach((heard, column) => {
      const [diagonal, above, left] = [row[column], row[column + 1], next[column]] as [Cost, Cost, Cost];
      next.push(step(diagonal, above, left, word === heard));
    });
    row = next;
  });
  const { substitutions, deletions, insertions } = row[hypothesis.length] as Cost;
  return { substitutions, deletions, insertions, hits: reference.length - substitutions - deletions };
}

export interface WordErrorRate {
  /** Errors per reference word: 0 and up, above 1 where more is heard than said; 0 without reference words and errors. */
  wer: number;
  substitutions: number;
  deletions: number;
  insertions: number;
  /** Words in the references. */
  words: number;
}

/** Errors of all pairs over the words of all references (not the mean of rates), after `normalize`. */
export function wordErrorRate(
  pairs: Iterable<{ reference: string; hypothesis: string }>,
  normalize: (text: string) => string,
): WordErrorRate {
  const sum = { substitutions: 0, deletions: 0, insertions: 0, words: 0 };
  for (const { reference, hypothesis } of pairs) {
    const expected = wordsOf(normalize(reference));
    const errors = wordErrors(expected, wordsOf(normalize(hypothesis)));
    sum.substitutions += errors.substitutions;
    sum.deletions += errors.deletions;
    sum.insertions += errors.insertions;
    sum.words += expected.length;
  }
  const errors = sum.substitutions + sum.deletions + sum.insertions;
  return { wer: errors === 0 ? 0 : errors / Math.max(1, sum.words), ...sum };
}
