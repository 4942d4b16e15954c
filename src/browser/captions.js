/**
 * SubRip and WebVTT from finals, in the browser. The same cues as `src/captions/` makes; a test holds them together.
 */

/** @typedef {{ text: string, startMs: number, endMs: number }} TimedText */
/** @typedef {TimedText & { words: readonly TimedText[] }} CaptionSource */
/** @typedef {{ startMs: number, endMs: number, lines: string[] }} Cue */

/** Characters of a line and lines of a cue at most, and how long a cue may be shown, ms. */
const LINE_CHARACTERS = 42;
const CUE_LINES = 2;
const CUE_MAXIMUM_MS = 7000;
const CUE_MINIMUM_MS = 1;

/**
 * @param {readonly CaptionSource[]} sources
 * @returns {Cue[]} In the order of their sources.
 */
export function cuesOf(sources) {
  return sources.flatMap(({ words, text, startMs, endMs }) => {
    const parts = words.filter((word) => oneLine(word.text) !== "");
    if (parts.length > 0) return groups(parts).map(asCue);
    return oneLine(text) === ""
      ? []
      : [{ ...period(startMs, endMs), lines: wrapped(oneLine(text).split(" ")) }];
  });
}

/** @param {readonly Cue[]} cues */
export function asSrt(cues) {
  return cues
    .map(({ startMs, endMs, lines }, index) => {
      const times = `${clockOf(startMs, ",")} --> ${clockOf(endMs, ",")}`;
      // The format knows no escapes: brackets and the arrow are shown as letters that look alike.
      const safe = lines.map((line) =>
        line.replaceAll("-->", "--›").replaceAll("<", "‹").replaceAll(">", "›"),
      );
      return `${index + 1}\n${times}\n${safe.join("\n")}\n`;
    })
    .join("\n");
}

/** @param {readonly Cue[]} cues */
export function asVtt(cues) {
  const blocks = cues.map(({ startMs, endMs, lines }) => {
    const times = `${clockOf(startMs, ".")} --> ${clockOf(endMs, ".")}`;
    const safe = lines.map((line) =>
      line.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    );
    return `${times}\n${safe.join("\n")}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
}

/**
 * `01:02:03,004`.
 *
 * @param {number} ms
 * @param {"," | "."} separator
 */
export function clockOf(ms, separator) {
  /** @type {(value: number, digits: number) => string} */
  const pad = (value, digits) => String(Math.floor(value)).padStart(digits, "0");
  const whole = Math.max(0, Math.round(ms));
  const [hours, minutes, seconds] = [whole / 3_600_000, (whole / 60_000) % 60, (whole / 1000) % 60];
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}${separator}${pad(whole % 1000, 3)}`;
}

/**
 * Words in runs that fit into a cue.
 *
 * @param {readonly TimedText[]} words
 */
function groups(words) {
  /** @type {TimedText[][]} */
  const runs = [];
  for (const word of words) {
    const run = runs.at(-1);
    if (run && fits([...run, word])) run.push(word);
    else runs.push([word]);
  }
  return runs;
}

/** @param {readonly TimedText[]} words */
function fits(words) {
  const { startMs, endMs } = span(words);
  return (
    endMs - startMs <= CUE_MAXIMUM_MS && wrapped(words.map(({ text }) => oneLine(text))).length <= CUE_LINES
  );
}

/**
 * @param {readonly TimedText[]} words
 * @returns {Cue}
 */
function asCue(words) {
  const { startMs, endMs } = span(words);
  return { ...period(startMs, endMs), lines: wrapped(words.map(({ text }) => oneLine(text))) };
}

/** @param {readonly TimedText[]} words - At least one. */
function span(words) {
  const [first, last] = /** @type {[TimedText, TimedText]} */ ([words[0], words.at(-1)]);
  return { startMs: first.startMs, endMs: last.endMs };
}

/**
 * Players leave out what ends before it begins.
 *
 * @param {number} startMs
 * @param {number} endMs
 */
function period(startMs, endMs) {
  const start = Math.max(0, Math.round(startMs));
  return { startMs: start, endMs: Math.max(start + CUE_MINIMUM_MS, Math.round(endMs)) };
}

/**
 * Words in lines; a word that is longer than a line has one of its own.
 *
 * @param {readonly string[]} words
 */
function wrapped(words) {
  /** @type {string[]} */
  const lines = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= LINE_CHARACTERS)
      lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

/**
 * Line breaks of any kind would end a cue; control characters have no place in one.
 *
 * @param {string} text
 */
function oneLine(text) {
  return text.replace(/[\p{Cc}\u2028\u2029\s]+/gu, " ").trim();
}
