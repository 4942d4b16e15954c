/**
 * Joins the words of windows that overlap into one text, and says of each window which words are certain by now.
 */
import type { RecognisedText } from "../call/ports.ts";
import { type HeardWord, joinAt } from "./overlap.ts";

export interface HeardWindow {
  /** End of the window, media time, ms. */
  endMs: number;
  /** Start of the next window, within this one; null when nothing follows for now. */
  nextStartMs: number | null;
  /** In order, those of its context included; null where nobody spoke, or what was said is not known. */
  words: readonly HeardWord[] | null;
}

/** A word that ends so close to the next window, or in it, may be cut, or be understood once more was heard, ms. */
const MARGIN_MS = 120;

/** The recogniser lets the last word before a pause last until its end; nobody takes longer over one, ms. */
const LONGEST_WORD_MS = 900;

/** What was told so long before the end of a window is in no later one, ms: a window and its context have 30 s. */
const REMEMBERED_MS = 30_000;

export class WindowJoiner {
  #told: HeardWord[] = [];
  /** Words that the next window may hear better. */
  #held: HeardWord[] = [];
  #endMs = 0;
  /** What begins before was in a window without words: it is told of otherwise, or was silence. */
  #fromMs = 0;

  /** Where the words begin that are not certain yet; Infinity when there are none. */
  get heldFromMs(): number {
    return this.#held[0]?.startMs ?? Number.POSITIVE_INFINITY;
  }

  /** The next window; returns the words that are certain now, in order. */
  join({ endMs, nextStartMs, words }: HeardWindow): HeardWord[] {
    // Somebody spoke and nothing was understood: the next window decides.
    if (words?.length === 0 && nextStartMs !== null) return [];
    const earlier = { told: this.#told, held: this.#held, endMs: this.#endMs };
    const joined = words === null ? this.#held : joinAt(earlier, words, this.#fromMs);
    const isOpen = ({ endMs }: HeardWord): boolean => nextStartMs !== null && endMs > nextStartMs - MARGIN_MS;
    const open = words === null ? -1 : joined.findIndex(isOpen);
    const certain = open < 0 ? joined : joined.slice(0, open);
    this.#held = joined.slice(certain.length);
    this.#told = [...this.#told, ...certain].filter((word) => word.endMs > endMs - REMEMBERED_MS);
    this.#endMs = endMs;
    if (words === null) this.#fromMs = nextStartMs ?? endMs;
    return certain;
  }
}

/** The words of a recognised window in media time, with what stands between them in its text. */
export function wordsOfWindow(
  { text, words }: Pick<RecognisedText, "text" | "words">,
  startMs: number,
  endMs: number,
): HeardWord[] {
  // What stands before the first word is not in its text: what stands before the others goes for it.
  const spaced = words.length < 2 || /\s/.test(text.trim());
  let at = 0;
  return words.map((word, index) => {
    const found = text.indexOf(word.word, at);
    const glue = (index === 0 ? spaced : found > at) ? " " : "";
    if (found >= 0) at = found + word.word.length;
    const inside = (ms: number): number => Math.min(endMs, startMs + ms);
    const place = {
      startMs: inside(word.startMs),
      endMs: inside(Math.min(word.endMs, word.startMs + LONGEST_WORD_MS)),
    };
    return { word: word.word, glue, ...place, confidence: word.confidence };
  });
}

/** The text of words that follow each other. */
export function textOf(words: readonly HeardWord[]): string {
  return words
    .map(({ word, glue }) => glue + word)
    .join("")
    .trim();
}
