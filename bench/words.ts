/**
 * Words with the time at which they were said, and which of them a text shows.
 */
import { normalizeEnglish } from "../src/score/normalizer.ts";
import { wordsOf } from "../src/score/unicode.ts";
import { type Clip, speechFrames } from "./corpus.ts";

export interface SpokenWord {
  word: string;
  /** Where it ends, ms from the clip's start. */
  endMs: number;
}

export function normalWords(text: string): string[] {
  return wordsOf(normalizeEnglish(text));
}

/**
 * The words of a clip, spread over its 10 ms frames of speech by their length in letters: nobody has timed these clips.
 * An estimate: for percentiles of many words, not for one.
 */
export function spokenWords({ pcm8k, text }: Clip): SpokenWord[] {
  const frames = speechFrames(pcm8k);
  const words = normalWords(text);
  const letters = words.reduce((sum, word) => sum + word.length + 1, 0);
  let said = 0;
  return words.map((word) => {
    said += word.length + 1;
    const frame = frames[Math.min(frames.length, Math.round((said / letters) * frames.length)) - 1] ?? 0;
    return { word, endMs: (frame + 1) * 10 };
  });
}

/** Pairs of positions of equal words in the cheapest alignment (Levenshtein) of two texts, in order. */
export function alignEqual(a: readonly string[], b: readonly string[]): [number, number][] {
  const width = b.length + 1;
  const costs = new Uint32Array((a.length + 1) * width);
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) costs[i * width + j] = i + j;
      else {
        const diagonal = (costs[(i - 1) * width + j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
        const above = (costs[(i - 1) * width + j] as number) + 1;
        const left = (costs[i * width + j - 1] as number) + 1;
        costs[i * width + j] = Math.min(diagonal, above, left);
      }
    }
  }
  const pairs: [number, number][] = [];
  for (let [i, j] = [a.length, b.length]; i > 0 && j > 0; ) {
    const here = costs[i * width + j] as number;
    const same = a[i - 1] === b[j - 1];
    if (here === (costs[(i - 1) * width + j - 1] as number) + (same ? 0 : 1)) {
      if (same) pairs.push([i - 1, j - 1]);
      i -= 1;
      j -= 1;
    } else if (here === (costs[(i - 1) * width + j] as number) + 1) i -= 1;
    else j -= 1;
  }
  return pairs.reverse();
}
