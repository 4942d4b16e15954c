/**
 * Joins what two windows heard of the same sound, so that no word is lost or doubled.
 *
 * The later window is heard from a pause well before the end of the earlier one, and goes on behind it, so of what is not
 * told yet it knows better: its words follow the last one that was told. Words on which both agree tell where that is;
 * times alone do where they agree on none. Whole words of the earlier window stay where the later one heard nothing.
 */

/** A word in media time, ms. */
export interface HeardWord {
  word: string;
  /** What stands between it and the word before it. */
  glue: "" | " ";
  startMs: number;
  endMs: number;
  confidence: number;
}

/** Two hearings of one word are less than this apart by their middles, ms; two equal words one after the other are further. */
const SAME_MS = 250;
/** A word that ends so close to the end of its window may be a guess at one that was cut, ms. */
const EDGE_MS = 250;

/** What the earlier window heard. */
export interface Earlier {
  /** What was told of it lately, to find the place in what the later one heard. */
  told: readonly HeardWord[];
  /** What may still change. */
  held: readonly HeardWord[];
  /** Its end, ms. */
  endMs: number;
}

/**
 * @param later - All words of the later window.
 * @param fromMs - Nothing that begins before is told, whoever heard it.
 * @returns What follows `told`, in order, none overlapping the next.
 */
export function joinAt(
  { told, held, endMs }: Earlier,
  later: readonly HeardWord[],
  fromMs: number,
): HeardWord[] {
  if (later.length === 0) return [...held];
  const earlier = [...told, ...held];
  const agreed = agreements(earlier, later);
  const isPlaced = agreed.some(([index]) => index === told.length - 1);
  const toldMs = isPlaced ? fromMs : Math.max(fromMs, told.at(-1)?.endMs ?? 0);
  const joined: HeardWord[] = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...agreed, [earlier.length, later.length] as const]) {
    // What lies before a told word is told.
    if (a >= told.length) {
      const theirs = later.slice(j, b).filter((word) => middleOf(word) >= toldMs);
      joined.push(...better(earlier.slice(Math.max(i, told.length), a), theirs, endMs));
      joined.push(...later.slice(b, b + 1));
    }
    [i, j] = [a + 1, b + 1];
  }
  return inOrder(joined, told.at(-1)?.endMs ?? 0);
}

/**
 * What was heard between two words on which both windows agree: by the later one, and what the earlier one was sure of
 * where the later one heard nothing.
 */
function better(earlier: readonly HeardWord[], later: readonly HeardWord[], endMs: number): HeardWord[] {
  const same = new Set(later.map(({ word }) => bare(word)));
  const lone = earlier.filter(
    (word) => word.endMs < endMs - EDGE_MS && !same.has(bare(word.word)) && coverage(word, later) === 0,
  );
  return [...lone, ...later].sort((a, b) => middleOf(a) - middleOf(b));
}

/** Pairs of positions of words that both windows heard, in order: those that agree most in time, all together. */
function agreements(earlier: readonly HeardWord[], later: readonly HeardWord[]): [number, number][] {
  const width = later.length + 1;
  const best = new Float64Array((earlier.length + 1) * width);
  const weight = (i: number, j: number): number => {
    const [a, b] = [earlier[i] as HeardWord, later[j] as HeardWord];
    return bare(a.word) === bare(b.word) ? Math.max(0, 1 - Math.abs(middleOf(a) - middleOf(b)) / SAME_MS) : 0;
  };
  for (let i = earlier.length - 1; i >= 0; i--) {
    for (let j = later.length - 1; j >= 0; j--) {
      const paired = weight(i, j) + (best[(i + 1) * width + j + 1] as number);
      const skipped = Math.max(best[(i + 1) * width + j] as number, best[i * width + j + 1] as number);
      best[i * width + j] = Math.max(paired, skipped);
    }
  }
  const pairs: [number, number][] = [];
  for (let [i, j] = [0, 0]; i < earlier.length && j < later.length; ) {
    const here = best[i * width + j] as number;
    if (here === best[(i + 1) * width + j]) i += 1;
    else if (here === best[i * width + j + 1]) j += 1;
    else {
      pairs.push([i, j]);
      i += 1;
      j += 1;
    }
  }
  return pairs;
}

/** How much of a word lies within others, which do not overlap each other, ms. */
function coverage({ startMs, endMs }: HeardWord, others: readonly HeardWord[]): number {
  return sum(
    others.map((other) => Math.max(0, Math.min(endMs, other.endMs) - Math.max(startMs, other.startMs))),
  );
}

/** Two hearings differ a little in time: a word begins where the one before it ends, at the earliest. */
function inOrder(words: readonly HeardWord[], fromMs: number): HeardWord[] {
  let reachedMs = fromMs;
  return words.map((word) => {
    const startMs = Math.max(word.startMs, reachedMs);
    const endMs = Math.max(word.endMs, startMs);
    reachedMs = endMs;
    return { ...word, startMs, endMs };
  });
}

function middleOf({ startMs, endMs }: HeardWord): number {
  return (startMs + endMs) / 2;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Case and punctuation change with what follows; the word does not. */
function bare(word: string): string {
  const letters = word.toLowerCase().replace(/[^\p{L}\p{M}\p{N}]/gu, "");
  return letters === "" ? word : letters;
}
