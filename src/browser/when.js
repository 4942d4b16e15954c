/**
 * Times as the reader's language writes them.
 */
import { shortClock } from "./transcript.js";

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const SECONDS = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/**
 * As short as it can be: `14:05` today, `Nov 22, 14:05`, `Nov 22, 2025`.
 *
 * @param {number} atMs - Epoch ms.
 * @param {number} now - Epoch ms.
 */
export function shortTime(atMs, now) {
  const [at, today] = [new Date(atMs), new Date(now)];
  if (at.toDateString() === today.toDateString()) return TIME.format(at);
  return at.getFullYear() === today.getFullYear() ? `${DAY.format(at)}, ${TIME.format(at)}` : YEAR.format(at);
}

/** @param {number} atMs */
export function wholeTime(atMs) {
  return WHOLE.format(atMs);
}

/** @param {number} atMs */
export function clockTime(atMs) {
  return SECONDS.format(atMs);
}

/**
 * How long something lasts, `1:02:03` or `2:03`.
 *
 * @param {number} ms
 */
export function lasting(ms) {
  return shortClock(Math.max(0, ms));
}

/** @type {Intl.DisplayNames | null} */
let names = null;

/**
 * The name of a language in the language of the pages, or its code.
 *
 * @param {string} code
 */
export function languageName(code) {
  try {
    names ??= new Intl.DisplayNames(["en"], { type: "language" });
    return names.of(code) ?? code;
  } catch {
    return code;
  }
}
