/**
 * When each word of a final was first shown: by a partial, or by the final itself.
 */
import { alignEqual, normalWords } from "./words.ts";

/** A text of an event, and when it came, Unix ms. */
export interface ShownText {
  text: string;
  at: number;
}

export interface ShownWord {
  word: string;
  at: number;
}

/**
 * @param partials - Those that may show its words, in order.
 * @returns Its words, normalised, and when all of them stood there as they are in the final, Unix ms.
 */
export function firstShown(
  final: ShownText,
  partials: readonly ShownText[],
): { words: ShownWord[]; wholeAt: number } {
  const words = normalWords(final.text);
  const shownAt = words.map(() => final.at);
  let wholeAt = final.at;
  for (const shown of partials.toReversed()) {
    const text = normalWords(shown.text);
    for (const [position] of alignEqual(words, text)) shownAt[position] = shown.at;
    if (text.join(" ") === words.join(" ")) wholeAt = shown.at;
  }
  return { words: words.map((word, index) => ({ word, at: shownAt[index] as number })), wholeAt };
}
