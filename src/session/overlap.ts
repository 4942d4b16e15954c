/**
 * Joins what two windows of sound heard, where they overlap, so that no word is lost or doubled.
 *
 * A word that is cut by the edge of one window is whole in the other, for the overlap is longer than a word. So the text
 * changes over from the earlier window to the later one at a word on which both agree, the one nearest the middle of the
 * overlap; where they agree on none, at the time that loses and doubles the least sound.
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

export interface Overlap {
  /** Start of the later window, and end of the earlier one. */
  startMs: number;
  endMs: number;
}

/** How far apart two hearings of a word may be by their middles, and as a share of the overlap: two equal words next to each other are further. */
const SAME_MS = 250;
const SAME_SHARE = 0.4;
/** A word that ends so close to the end of its window, or begins so close to its start, may have been cut. */
const EDGE_MS = 60;
/** What keeping such a word counts where the other window heard one too, as if so much sound were lost, ms. */
const EDGE_COST_MS = 150;
/** What a change away from the middle of the overlap counts, per ms. */
const DISTANCE_COST = 0.05;

/**
 * @param earlier - Words of the earlier window that reach into the overlap.
 * @param later - All words of the later window.
 * @returns Both as one, in order, none overlapping the next.
 */
export function joinAt(
  overlap: Overlap,
  earlier: readonly HeardWord[],
  later: readonly HeardWord[],
): HeardWord[] {
  if (earlier.length === 0 || later.length === 0) return [...earlier, ...later];
  const middleMs = (overlap.startMs + overlap.endMs) / 2;
  const agreed = agreements(overlap, earlier, later);
  const anchor = nearest(agreed, ([index]) => Math.abs(middleOf(earlier[index] as HeardWord) - middleMs));
  if (anchor === null) return inOrder(changeAt(bestChange(overlap, earlier, later), earlier, later));
  const [before, after] = anchor;
  // The hearing that is further from the edge of its window.
  const fromEarlier = middleOf(earlier[before] as HeardWord) < middleMs;
  return inOrder([
    ...earlier.slice(0, fromEarlier ? before + 1 : before),
    ...later.slice(fromEarlier ? after + 1 : after),
  ]);
}

/** Pairs of positions of words that both windows heard, in order: those that agree most in time, all together. */
function agreements(
  overlap: Overlap,
  earlier: readonly HeardWord[],
  later: readonly HeardWord[],
): [number, number][] {
  const sameMs = Math.min(SAME_MS, SAME_SHARE * (overlap.endMs - overlap.startMs));
  const width = later.length + 1;
  const best = new Float64Array((earlier.length + 1) * width);
  const weight = (i: number, j: number): number => {
    const [a, b] = [earlier[i] as HeardWord, later[j] as HeardWord];
    return bare(a.word) === bare(b.word) ? Math.max(0, 1 - Math.abs(middleOf(a) - middleOf(b)) / sameMs) : 0;
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

/** The time at which changing from one window to the other loses and doubles the least sound. */
function bestChange(overlap: Overlap, earlier: readonly HeardWord[], later: readonly HeardWord[]): number {
  const middleMs = (overlap.startMs + overlap.endMs) / 2;
  const times = [middleMs, ...earlier.map(({ endMs }) => endMs), ...later.map(({ startMs }) => startMs)];
  const within = times.filter((ms) => ms >= overlap.startMs - SAME_MS && ms <= overlap.endMs + SAME_MS);
  return nearest(within, (ms) => costOf(ms, overlap, earlier, later)) ?? middleMs;
}

function costOf(
  changeMs: number,
  overlap: Overlap,
  earlier: readonly HeardWord[],
  later: readonly HeardWord[],
): number {
  const first = earlier.filter((word) => middleOf(word) < changeMs);
  const second = later.filter((word) => middleOf(word) >= changeMs);
  const kept = [...first, ...second];
  const dropped = [...earlier, ...later].filter((word) => !kept.includes(word));
  const doubled = sum(first.map((word) => coverage(word, second)));
  // What is half covered by a word that is kept was another hearing of it; the rest is lost.
  const lost = sum(dropped.map((word) => Math.max(0, word.endMs - word.startMs - 2 * coverage(word, kept))));
  // Where the other window heard nothing, there is nothing better to be had.
  const cut =
    first.filter((word) => word.endMs >= overlap.endMs - EDGE_MS && isNear(word, later)).length +
    second.filter((word) => word.startMs <= overlap.startMs + EDGE_MS && isNear(word, earlier)).length;
  const middleMs = (overlap.startMs + overlap.endMs) / 2;
  return doubled + lost + EDGE_COST_MS * cut + DISTANCE_COST * Math.abs(changeMs - middleMs);
}

/** How much of a word lies within others, which do not overlap each other, ms. */
function coverage({ startMs, endMs }: HeardWord, others: readonly HeardWord[]): number {
  return sum(
    others.map((other) => Math.max(0, Math.min(endMs, other.endMs) - Math.max(startMs, other.startMs))),
  );
}

/** Whether another hearing may be of the same word. */
function isNear({ startMs, endMs }: HeardWord, others: readonly HeardWord[]): boolean {
  return others.some((other) => other.startMs < endMs + EDGE_MS && other.endMs > startMs - EDGE_MS);
}

function changeAt(changeMs: number, earlier: readonly HeardWord[], later: readonly HeardWord[]): HeardWord[] {
  return [
    ...earlier.filter((word) => middleOf(word) < changeMs),
    ...later.filter((word) => middleOf(word) >= changeMs),
  ];
}

/** Two hearings differ a little in time: a word begins where the one before it ends, at the earliest. */
function inOrder(words: readonly HeardWord[]): HeardWord[] {
  let reachedMs = Number.NEGATIVE_INFINITY;
  return words.map((word) => {
    const startMs = Math.max(word.startMs, reachedMs);
    const endMs = Math.max(word.endMs, startMs);
    reachedMs = endMs;
    return { ...word, startMs, endMs };
  });
}

function nearest<T>(items: readonly T[], distanceOf: (item: T) => number): T | null {
  let best: T | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const distance = distanceOf(item);
    if (distance >= least) continue;
    best = item;
    least = distance;
  }
  return best;
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
