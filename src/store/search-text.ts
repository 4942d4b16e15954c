/**
 * What people type into a search field, as an expression of the full-text index, and what was found as people read it.
 *
 * The expression is made of quoted words alone, so nothing that is typed is syntax: each word is a phrase of its letters
 * and digits, words in double quotes are one phrase, all of them have to be there, and the last word may be unfinished.
 */
import { indexedText } from "./spoken.ts";

/** Words and phrases at most; each is a walk through the index. */
export const SEARCH_WORDS = 16;
/** Letters that a word needs for its beginning to be looked for: one letter begins a tenth of all words. */
const PREFIX_LETTERS = 2;

/** Characters of a final that are shown around what was found. */
const EXCERPT_CHARACTERS = 240;
/** Of these before the first mark at most. */
const LEAD_CHARACTERS = 80;

/** Where something is in a text, UTF-16 units. */
export interface Mark {
  start: number;
  end: number;
}

/** Part of a text with marks in it. */
export interface Excerpt {
  text: string;
  /** In `text`, in order, not overlapping. */
  marks: Mark[];
  /** Whether the whole goes on before and after it. */
  cutBefore: boolean;
  cutAfter: boolean;
}

/**
 * The expression for what somebody typed, or null when there is no word in it.
 *
 * @throws {RangeError} when it has more than `SEARCH_WORDS` words and phrases.
 */
export function searchExpression(typed: string): string | null {
  const phrases: string[] = [];
  const quoted = typed.split('"');
  for (const [index, part] of quoted.entries()) {
    const closed = index % 2 === 1 && index < quoted.length - 1;
    if (closed) phrases.push(...asPhrase(part));
    else phrases.push(...part.split(/\s+/u).flatMap(asPhrase));
  }
  if (phrases.length > SEARCH_WORDS) {
    throw new RangeError(`Expected at most ${SEARCH_WORDS} words, got ${phrases.length}`);
  }
  const last = phrases.at(-1);
  if (last === undefined) return null;
  // A closed quote or a space at the end says that the last word is whole.
  const whole = /["\s]$/u.test(typed) || lettersOfLastWord(last) < PREFIX_LETTERS;
  const expression = phrases.map((phrase) => `"${phrase}"`).join(" AND ");
  return whole ? expression : `${expression}*`;
}

/** The letters and digits of a word or of several, as the index divides them; nothing when there are none. */
function asPhrase(part: string): string[] {
  const words = indexedText(part)
    .split(/[^\p{L}\p{N}\p{M}\p{Co}]+/u)
    .filter((word) => word !== "");
  return words.length === 0 ? [] : [words.join(" ")];
}

function lettersOfLastWord(phrase: string): number {
  return [...(phrase.split(" ").at(-1) as string)].length;
}

/** The part of a text around its first mark, cut between words where there are spaces; the whole when it is short. */
export function excerptOf(text: string, marks: readonly Mark[]): Excerpt {
  const first = marks[0]?.start ?? 0;
  const start = text.length <= EXCERPT_CHARACTERS ? 0 : wordStart(text, Math.max(0, first - LEAD_CHARACTERS));
  const end = Math.min(text.length, start + EXCERPT_CHARACTERS);
  const stop = end === text.length ? end : wordEnd(text, start, end);
  return {
    text: text.slice(start, stop),
    marks: marks
      .filter((mark) => mark.start >= start && mark.end <= stop)
      .map((mark) => ({ start: mark.start - start, end: mark.end - start })),
    cutBefore: start > 0,
    cutAfter: stop < text.length,
  };
}

/** The first place after a space in reach behind `at`, or `at`, moved off the middle of a character. */
function wordStart(text: string, at: number): number {
  const space = at === 0 ? -1 : text.slice(at, at + LEAD_CHARACTERS / 2).search(/\s\S/u);
  return space === -1 ? offPair(text, at) : at + space + 1;
}

function wordEnd(text: string, start: number, end: number): number {
  const space = text.lastIndexOf(" ", end);
  return space > start + EXCERPT_CHARACTERS / 2 ? space : offPair(text, end);
}

/** Half a surrogate pair is no character. */
function offPair(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff && at > 0 ? at - 1 : at;
}
