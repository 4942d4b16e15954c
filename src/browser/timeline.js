/**
 * Where everything of a call lies in time, in thousandths of its length: pure geometry.
 */
import { delayOf, startOf } from "./call-record.js";

/** @typedef {import("./call-record.js").Row} Row */
/** @typedef {{ x: number, width: number, sequence: number }} Bar */
/**
 * @typedef {object} Lane
 * @property {import("./live-calls.js").Track} track
 * @property {string} label
 * @property {Bar[]} utterances
 * @property {Bar[]} speech Words, joined where no pause is between them.
 * @property {Bar[]} gaps
 * @property {Bar[]} delays From the end of the last word until its final was there.
 * @property {Bar[]} presses
 * @property {Bar[]} open What is being said.
 */
/** @typedef {{ totalMs: number, lanes: Lane[], ticks: { x: number, atMs: number }[] }} Timeline */

/** Words with a shorter pause between them are one stretch of speech, ms. */
const PAUSE_MS = 250;
/** A bar is never too thin to be seen, CSS pixels. */
const THINNEST_PX = 1.5;
const SHORTEST_MS = 10_000;
/** Room for a mark with its time, CSS pixels. */
const TICK_PX = 80;
const WIDTH_PX = 640;
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];

/**
 * @param {object} call
 * @param {readonly Row[]} call.rows
 * @param {readonly import("./live-calls.js").TrackLabel[]} call.tracks
 * @param {Iterable<import("./live-calls.js").Line>} call.partials
 * @param {number} call.mediaMs
 * @param {number | null} call.mediaStartAt
 * @param {number} [call.widthPx] - That it is drawn over, CSS pixels.
 * @returns {Timeline}
 */
export function timelineOf({ rows, tracks, partials, mediaMs, mediaStartAt, widthPx = WIDTH_PX }) {
  const totalMs = rows.reduce(
    (most, row) => Math.max(most, endOf(row, mediaStartAt)),
    Math.max(SHORTEST_MS, mediaMs),
  );
  const thinnest = Math.min(1000, (THINNEST_PX / widthPx) * 1000);
  const bar = (/** @type {number} */ startMs, /** @type {number} */ endMs, /** @type {number} */ sequence) =>
    barOf({ startMs, endMs, sequence }, totalMs, thinnest);
  const lanes = lanesOf(tracks, rows);
  for (const row of rows) {
    const lane = lanes.get(row.track);
    if (lane === undefined) continue;
    const { sequence } = row;
    if (row.type === "call.dtmf") lane.presses.push(bar(row.atMs, row.atMs, sequence));
    else if (row.type === "transcript.gap") lane.gaps.push(bar(row.startMs, row.endMs, sequence));
    else {
      lane.utterances.push(bar(row.startMs, row.endMs, sequence));
      for (const { startMs, endMs } of speechOf(row.words)) lane.speech.push(bar(startMs, endMs, sequence));
      const delayMs = delayOf(row, mediaStartAt);
      const saidMs = row.words.at(-1)?.endMs ?? row.endMs;
      if (delayMs !== null) lane.delays.push(bar(saidMs, Math.min(totalMs, saidMs + delayMs), sequence));
    }
  }
  for (const { track, startMs, endMs } of partials) lanes.get(track)?.open.push(bar(startMs, endMs, 0));
  return { totalMs, lanes: [...lanes.values()], ticks: ticksOf(totalMs, Math.floor(widthPx / TICK_PX)) };
}

/**
 * @param {readonly import("./live-calls.js").TrackLabel[]} tracks
 * @param {readonly Row[]} rows
 */
function lanesOf(tracks, rows) {
  /** @type {Map<string, Lane>} */
  const lanes = new Map();
  for (const { track, label } of [...tracks, ...rows.map((row) => ({ label: row.track, ...row }))]) {
    if (lanes.has(track)) continue;
    const empty = { utterances: [], speech: [], gaps: [], delays: [], presses: [], open: [] };
    lanes.set(track, { track, label, ...empty });
  }
  return lanes;
}

/**
 * @param {readonly { startMs: number, endMs: number }[]} words - In order.
 * @returns {{ startMs: number, endMs: number }[]}
 */
export function speechOf(words) {
  /** @type {{ startMs: number, endMs: number }[]} */
  const stretches = [];
  for (const { startMs, endMs } of words) {
    const last = stretches.at(-1);
    if (last && startMs - last.endMs <= PAUSE_MS) last.endMs = Math.max(last.endMs, endMs);
    else stretches.push({ startMs, endMs });
  }
  return stretches;
}

/**
 * Marks at round times.
 *
 * @param {number} totalMs
 * @param {number} [most] - Of them, beside the one at the start.
 */
export function ticksOf(totalMs, most = WIDTH_PX / TICK_PX) {
  const count = Math.max(1, most);
  const step =
    STEPS_S.find((seconds) => seconds * 1000 * count >= totalMs) ?? Math.ceil(totalMs / count / 1000);
  const ticks = [];
  // The last one needs room for its text.
  for (let atMs = 0; atMs <= totalMs * 0.96; atMs += step * 1000)
    ticks.push({ x: (atMs / totalMs) * 1000, atMs });
  return ticks;
}

/**
 * @param {{ startMs: number, endMs: number, sequence: number }} what
 * @param {number} totalMs
 * @param {number} thinnest - Thousandths.
 * @returns {Bar}
 */
function barOf({ startMs, endMs, sequence }, totalMs, thinnest) {
  const from = Math.max(0, Math.min(1000, (startMs / totalMs) * 1000));
  const to = Math.max(from, Math.min(1000, (endMs / totalMs) * 1000));
  const width = Math.max(thinnest, to - from);
  return { x: Math.min(from, 1000 - width), width, sequence };
}

/**
 * Where a row ends, with its delay.
 *
 * @param {Row} row
 * @param {number | null} mediaStartAt
 */
function endOf(row, mediaStartAt) {
  if (row.type === "call.dtmf") return startOf(row);
  if (row.type === "transcript.gap") return row.endMs;
  return Math.max(row.endMs, (row.words.at(-1)?.endMs ?? row.endMs) + (delayOf(row, mediaStartAt) ?? 0));
}
