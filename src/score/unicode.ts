/**
 * Regular expressions with the Unicode meaning of `\b` and `\s` that Whisper's published rules assume; JavaScript's
 * `\b` knows ASCII letters only, so that "été" would have word boundaries inside.
 */

const WORD = "[\\p{L}\\p{N}_]";
const BOUNDARY = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`;
const SPACE = "[\\s\\x1c-\\x1f\\x85]";

/** Compiles `source` for replacing everywhere, with `\b` and `\s` (outside classes) replaced by their Unicode forms. */
export function unicodePattern(source: string): RegExp {
  return new RegExp(source.replaceAll("\\b", BOUNDARY).replaceAll("\\s", SPACE), "gu");
}

const SPACES = unicodePattern("\\s+");

/** The words of a text, without empty ones. */
export function wordsOf(text: string): string[] {
  return text.split(SPACES).filter((word) => word !== "");
}

/** Letters with a stroke or ligature, which NFKD leaves whole. */
const LETTERS: Record<string, string> = {
  œ: "oe",
  Œ: "OE",
  ø: "o",
  Ø: "O",
  æ: "ae",
  Æ: "AE",
  ß: "ss",
  ẞ: "SS",
  đ: "d",
  Đ: "D",
  ð: "d",
  Ð: "D",
  þ: "th",
  Þ: "th",
  ł: "l",
  Ł: "L",
};

/** Marks, symbols and punctuation become spaces; letters and their accents stay (NFKC). */
export function removeSymbols(text: string): string {
  return text.normalize("NFKC").replace(/[\p{M}\p{S}\p{P}]/gu, " ");
}

/** As `removeSymbols`, but letters lose their accents and the characters in `keep` stay. */
export function removeSymbolsAndDiacritics(text: string, keep: string): string {
  const replaced = Array.from(text.normalize("NFKD"), (character) => {
    if (keep.includes(character)) return character;
    const letters = LETTERS[character];
    if (letters !== undefined) return letters;
    if (/\p{Mn}/u.test(character)) return "";
    return /[\p{M}\p{S}\p{P}]/u.test(character) ? " " : character;
  });
  return replaced.join("");
}
