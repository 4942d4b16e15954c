/**
 * What was said, line by line, and the files that can be made of it.
 */
import { asSrt, asVtt, clockOf, cuesOf } from "./captions.js";

/**
 * @typedef {import("./link-events.js").Word} Word
 * @typedef {{ kind: "final", text: string, startMs: number, endMs: number, language: string, confidence: number,
 *   delayMs: number, words: Word[] }} FinalLine
 * @typedef {{ kind: "gap", startMs: number, endMs: number, cause: string }} GapLine
 */

/** @typedef {"txt" | "srt" | "vtt" | "json"} FileKind */

/** @type {Record<FileKind, string>} */
const TYPES = {
  txt: "text/plain;charset=utf-8",
  srt: "application/x-subrip;charset=utf-8",
  vtt: "text/vtt;charset=utf-8",
  json: "application/json;charset=utf-8",
};

/** Words heard more often for what was meant than not are shown as they are. */
const UNSURE_BELOW = 0.5;

export class Transcript {
  /** @type {(FinalLine | GapLine)[]} */
  lines = [];
  /** Of the first sound, epoch ms; null before it. */
  /** @type {number | null} */
  startedAt = null;

  /** @returns {FinalLine[]} */
  get finals() {
    return this.lines.flatMap((line) => (line.kind === "final" ? [line] : []));
  }

  /** @param {FinalLine | GapLine} line */
  add(line) {
    this.lines.push(line);
  }

  clear() {
    this.lines = [];
    this.startedAt = null;
  }

  /**
   * @param {FileKind} kind
   * @returns {{ name: string, type: string, text: string }}
   */
  file(kind) {
    const at = new Date(this.startedAt ?? 0).toISOString().slice(0, 19).replaceAll(":", "-");
    return { name: `transcript-${at}.${kind}`, type: TYPES[kind], text: this.#textOf(kind) };
  }

  /** @param {FileKind} kind */
  #textOf(kind) {
    const { finals } = this;
    switch (kind) {
      case "txt":
        return finals.map(({ text }) => `${text}\n`).join("");
      case "srt":
        return asSrt(cuesOf(finals));
      case "vtt":
        return asVtt(cuesOf(finals));
      case "json": {
        const startedAt = new Date(this.startedAt ?? 0).toISOString();
        const gaps = this.lines.filter(({ kind }) => kind === "gap");
        return `${JSON.stringify({ startedAt, text: finals.map(({ text }) => text).join(" "), finals, gaps }, null, 2)}\n`;
      }
    }
  }
}

/**
 * A line in pieces of which some are unsure; together they are its text, letter by letter.
 *
 * @param {FinalLine} line
 * @returns {{ text: string, confidence: number | null }[]} `confidence` of words that may be wrong, else null.
 */
export function piecesOf({ text, words }) {
  /** @type {{ text: string, confidence: number | null }[]} */
  const pieces = [];
  let at = 0;
  for (const word of words) {
    if (word.confidence >= UNSURE_BELOW) continue;
    const said = word.text.trim();
    const from = said === "" ? -1 : text.indexOf(said, at);
    if (from < 0) continue;
    if (from > at) pieces.push({ text: text.slice(at, from), confidence: null });
    pieces.push({ text: said, confidence: word.confidence });
    at = from + said.length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), confidence: null });
  return pieces;
}

/**
 * `1:02:03` or `2:03`.
 *
 * @param {number} ms
 */
export function shortClock(ms) {
  return clockOf(Math.floor(ms / 1000) * 1000, ".")
    .slice(0, -4)
    .replace(/^0(?:0:0?)?/, "");
}
