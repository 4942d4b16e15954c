/**
 * The written words of a recognition, each with the tokens that spell it.
 */

/** A word without the spaces around it, punctuation included, and its tokens: `first` to before `end`. */
export interface TokenWord {
  text: string;
  first: number;
  end: number;
}

/** Written without spaces between words; there every character is a word (openai/whisper tokenizer.py). */
const UNSPACED = new Set(["zh", "ja", "th", "lo", "my", "yue"]);

/** Whether a language, by Whisper's code, is written without spaces. */
export function isUnspaced(language: string): boolean {
  return UNSPACED.has(language);
}

/** Punctuation that belongs to the word behind it and before it (openai/whisper timing.py). */
const OPENING = /^["'“¿([{-]+$/u;
const CLOSING = /^["'.。,，!！?？:：”)\]}、…]+$/u;
/** What tokens that end within a character are decoded to. */
const UNFINISHED = "\uFFFD";

/**
 * Splits tokens into words by the rules of Whisper, except that a word is whatever stands between spaces: `3.5` and
 * `well-known` are one. So the words, joined by spaces, are the text of a language that has them.
 *
 * @param tokens - Text tokens only.
 * @param decode - The text of tokens, spaces at its ends included.
 * @param language - Whisper's code.
 * @returns Words in order, none of them empty; together they have every token.
 */
export function splitWords(
  tokens: readonly number[],
  decode: (tokens: readonly number[]) => string,
  language: string,
): TokenWord[] {
  const pieces = wholeCharacters(tokens, decode);
  const words = isUnspaced(language) ? pieces : joinAtSpaces(pieces);
  return mergePunctuation(words).map(({ text, ...range }) => ({ text: text.trim(), ...range }));
}

/** The smallest runs of tokens whose texts are the whole text: each ends where a character ends, or where none can. */
function wholeCharacters(
  tokens: readonly number[],
  decode: (tokens: readonly number[]) => string,
): TokenWord[] {
  const pieces: TokenWord[] = [];
  let first = 0;
  for (let end = 1; end <= tokens.length; end++) {
    const text = decode(tokens.slice(first, end));
    // Only a text with bytes that are no character yet can be another one together with what follows.
    const splits =
      !text.includes(UNFINISHED) || text + decode(tokens.slice(end)) === decode(tokens.slice(first));
    if (!splits) continue;
    pieces.push({ text, first, end });
    first = end;
  }
  return pieces;
}

function joinAtSpaces(pieces: readonly TokenWord[]): TokenWord[] {
  const words: TokenWord[] = [];
  for (const piece of pieces) {
    const last = words.at(-1);
    if (last === undefined || /^\s/u.test(piece.text)) words.push({ ...piece });
    else joinTo(last, piece);
  }
  return words;
}

/** Punctuation that stands alone goes to the word that it belongs to, else to the one before it. */
function mergePunctuation(pieces: readonly TokenWord[]): TokenWord[] {
  const words: TokenWord[] = [];
  for (const piece of pieces) {
    const last = words.at(-1);
    const text = piece.text.trim();
    const opened = last !== undefined && OPENING.test(last.text.trim());
    if (last && (text === "" || opened || CLOSING.test(text))) joinTo(last, piece);
    else words.push({ ...piece });
  }
  return words.filter(({ text }) => text.trim() !== "");
}

function joinTo(word: TokenWord, { text, end }: TokenWord): void {
  word.text += text;
  word.end = end;
}
