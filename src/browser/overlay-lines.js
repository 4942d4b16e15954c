/**
 * Captions that roll up: the last lines of what was said, broken where they are wide enough. Pure.
 */

/** @typedef {import("./live-calls.js").Line} Line */
/** @typedef {{ text: string, final: boolean, track: string, label: string }} Said */
/** @typedef {{ text: string, final: boolean }} CaptionLine */

/**
 * Lines are broken from the beginning of each utterance, so that what is added at its end never moves a word that is shown
 * already from one line to another.
 *
 * @param {readonly Said[]} said - In the order in which it was said.
 * @param {object} look
 * @param {number} look.lines - At most.
 * @param {(text: string) => boolean} look.fits - Whether a text is no wider than a line.
 * @param {boolean} look.sides - Whether a change of the speaker is marked.
 * @returns {CaptionLine[]}
 */
export function captionLines(said, { lines, fits, sides }) {
  /** @type {CaptionLine[]} */
  const shown = [];
  let track = "";
  for (const one of said) {
    const mark = sides && one.track !== track ? "– " : "";
    track = one.track;
    for (const text of broken(`${mark}${oneLine(one.text)}`, fits)) shown.push({ text, final: one.final });
  }
  return shown.slice(-lines);
}

/**
 * @param {string} text
 * @param {(text: string) => boolean} fits
 * @returns {string[]} Together, joined by spaces where there were some, the text.
 */
export function broken(text, fits) {
  /** @type {string[]} */
  const lines = [];
  let line = "";
  for (const word of text.split(" ").filter((part) => part !== "")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (fits(longer)) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    const [rest, ...whole] = torn(word, fits).reverse();
    lines.push(...whole.reverse());
    line = rest ?? "";
  }
  if (line !== "") lines.push(line);
  return lines;
}

/**
 * A word that is wider than a line, as in languages without spaces, in pieces of which each fits.
 *
 * @param {string} word
 * @param {(text: string) => boolean} fits
 */
function torn(word, fits) {
  /** @type {string[]} */
  const pieces = [];
  let piece = "";
  for (const letter of word) {
    if (piece !== "" && !fits(piece + letter)) {
      pieces.push(piece);
      piece = "";
    }
    piece += letter;
  }
  pieces.push(piece);
  return pieces;
}

/** @param {string} text */
function oneLine(text) {
  return text.replace(/[\p{Cc}\u2028\u2029\s]+/gu, " ").trim();
}
