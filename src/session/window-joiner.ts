/**
 * Joins the words of windows that overlap into one text, and says of each window which words are certain by now.
 */
import type { RecognisedText } from "../call/ports.ts";
import { type HeardWord, joinAt } from "./overlap.ts";

export interface HeardWindow {
  /** Media time, ms. */
  startMs: number;
  endMs: number;
  /** Start of the next window, within this one; null when nothing follows that overlaps. */
  nextStartMs: number | null;
  /** In order; none where nothing was heard. */
  words: readonly HeardWord[];
}

/** A word that ends so close to the next window, or in it, may be heard there too: two hearings differ by less, ms. */
const MARGIN_MS = 120;

/** The recogniser lets the last word before a pause last until its end; nobody takes longer over one, ms. */
const LONGEST_WORD_MS = 900;

export class WindowJoiner {
  /** Words that the next window may hear as well. */
  #held: HeardWord[] = [];
  /** End of the window before. */
  #endMs = 0;

  /** End of the window before; 0 at first. */
  get endMs(): number {
    return this.#endMs;
  }

  /** Where the words begin that are not certain yet; Infinity when there are none. */
  get heldFromMs(): number {
    return this.#held[0]?.startMs ?? Number.POSITIVE_INFINITY;
  }

  /** The next window; returns the words that are certain now, in order. */
  join({ startMs, endMs, nextStartMs, words }: HeardWindow): HeardWord[] {
    const overlap = { startMs, endMs: Math.max(startMs, this.#endMs) };
    const joined = joinAt(overlap, this.#held, words);
    const open = joined.findIndex((word) => nextStartMs !== null && word.endMs > nextStartMs - MARGIN_MS);
    const certain = open < 0 ? joined.length : open;
    this.#held = joined.slice(certain);
    this.#endMs = endMs;
    return joined.slice(0, certain);
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
