/**
 * Text of any script in a terminal: how wide it is and where it may be broken.
 */

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** Two columns wide: East Asian Wide and Fullwidth (Unicode Standard Annex 11), and emoji. */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3001-\u303e\u3000\uff01-\uff60\uffe0-\uffe6]/u;
/** Moves the cursor, or turns the direction of everything behind it (Unicode Standard Annex 9). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g;

function* graphemesOf(text: string): Generator<{ grapheme: string; columns: number }> {
  for (const { segment } of GRAPHEMES.segment(text)) {
    yield { grapheme: segment, columns: WIDE.test(segment) ? 2 : 1 };
  }
}

/** Columns that `text`, without control characters, takes in a terminal. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const grapheme of graphemesOf(text)) columns += grapheme.columns;
  return columns;
}

/** `text` without what a terminal would obey instead of show. */
export function printable(text: string): string {
  return text.replace(CONTROLS, " ");
}

/** As much of the end of `text` as fits into `columns`. */
export function endOf(text: string, columns: number): string {
  let end = "";
  let left = columns;
  for (const { grapheme, columns: needed } of [...graphemesOf(text)].reverse()) {
    left -= needed;
    if (left < 0) break;
    end = grapheme + end;
  }
  return end;
}

/** `text` filled up with spaces to `columns`. */
export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}

/**
 * `text` in lines of at most `columns`, >= 2, broken between words, and within a word only when it is longer than a
 * line, as sentences of scripts without spaces are; at least one line.
 */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((long) => broken(long, columns))) {
    if (line !== "" && columnsOf(line) + 1 + columnsOf(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** A word in pieces that fit into a line. */
function broken(word: string, columns: number): string[] {
  const pieces: string[] = [];
  let piece = "";
  let used = 0;
  for (const { grapheme, columns: needed } of graphemesOf(word)) {
    if (used + needed > columns) {
      pieces.push(piece);
      piece = "";
      used = 0;
    }
    piece += grapheme;
    used += needed;
  }
  return [...pieces, piece];
}
