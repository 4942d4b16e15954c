/**
 * One call as its page shows it: events in sequence, rows by the time at which they were said, and what is being said.
 */

/** @typedef {import("./live-calls.js").Track} Track */
/** @typedef {import("./live-calls.js").Line} Line */
/** @typedef {{ word: string, startMs: number, endMs: number, confidence: number }} Word */
/** @typedef {{ callSid: string, sequence: number, timestamp: string }} Committed */
/**
 * @typedef {Committed & Line & { type: "transcript.final", language: string, confidence: number, words: Word[] }} Final
 * @typedef {Committed & { type: "transcript.gap", track: Track, label: string, gap: number, startMs: number, endMs: number,
 *   cause: string }} Gap
 * @typedef {Committed & { type: "call.dtmf", track: Track, press: number, digit: string, atMs: number }} Press
 * @typedef {Committed & { type: "call.started", language: string, announcement: string | null,
 *   parameters: Record<string, string> }} Started
 * @typedef {Committed & { type: "call.ended", reason: string, durationMs: number, finals: number, gaps: number }} Ended
 * @typedef {Final | Gap | Press | Started | Ended} CallEvent
 * @typedef {Final | Gap | Press} Row
 */

export class CallRecord {
  /** @type {CallEvent[]} In sequence. */
  events = [];
  /** @type {Row[]} By the time at which they were said. */
  rows = [];
  /** @type {Map<Track, Line>} */
  partials = new Map();
  ended = false;
  /** Media time as far as anything tells, ms. */
  mediaMs = 0;

  /** The sequence of the last event; all before it are there. */
  get last() {
    return this.events.length;
  }

  /**
   * @param {CallEvent} event
   * @returns {"added" | "known" | "hole"} A hole: others that come before it are missing.
   */
  add(event) {
    if (event.sequence <= this.last) return "known";
    if (event.sequence > this.last + 1) return "hole";
    this.events.push(event);
    this.ended ||= event.type === "call.ended";
    if (this.ended) this.partials.clear();
    if (event.type === "call.ended") this.#reach(event.durationMs);
    if (event.type === "call.started" || event.type === "call.ended") return "added";
    const startMs = startOf(event);
    const at = this.rows.findLastIndex((row) => startOf(row) <= startMs);
    this.rows.splice(at + 1, 0, event);
    this.#reach("endMs" in event ? event.endMs : startMs);
    if (event.type === "transcript.final") {
      const open = this.partials.get(event.track);
      if (open && open.utterance <= event.utterance) this.partials.delete(event.track);
    }
    return "added";
  }

  /**
   * @param {Line} line
   * @returns {boolean} Whether it is news.
   */
  hear(line) {
    const done = this.rows.some(
      (row) => row.type === "transcript.final" && row.track === line.track && row.utterance >= line.utterance,
    );
    if (done || this.ended) return false;
    if (line.text === "") this.partials.delete(line.track);
    else this.partials.set(line.track, line);
    this.#reach(line.endMs);
    return true;
  }

  /** @param {number} ms */
  #reach(ms) {
    this.mediaMs = Math.max(this.mediaMs, ms);
  }
}

/** @param {Row} row */
export function startOf(row) {
  return row.type === "call.dtmf" ? row.atMs : row.startMs;
}

/**
 * From the end of the last word to the commit of its final, ms; null when nobody knows.
 *
 * @param {Final} final
 * @param {number | null} mediaStartAt - Epoch ms of media time 0.
 */
export function delayOf({ timestamp, endMs, words }, mediaStartAt) {
  if (mediaStartAt === null) return null;
  const delayMs = Date.parse(timestamp) - mediaStartAt - (words.at(-1)?.endMs ?? endMs);
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : null;
}
