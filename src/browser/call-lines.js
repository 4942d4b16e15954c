/**
 * The transcript on the page of a call: two sides, finals with their delay and delivery, and what is being said.
 */
import { delayOf, startOf } from "./call-record.js";
import { element, setText } from "./dom.js";
import { sideOf } from "./live-card.js";
import { piecesOf } from "./transcript.js";
import { lasting, wholeTime } from "./when.js";

/** @typedef {import("./call-record.js").Row} Row */
/** @typedef {import("./calls-client.js").Delivery} Delivery */

/** @type {Record<string, string>} */
export const CAUSES = {
  not_received: "the sound did not arrive",
  not_recognised: "it could not be recognised",
  overload: "left out under load",
  crash: "lost when the server stopped",
};
/** @type {Record<Delivery["state"], { text: string, tone: string }>} */
export const DELIVERIES = {
  delivered: { text: "delivered", tone: "good" },
  pending: { text: "on the way", tone: "warn" },
  dead: { text: "not delivered", tone: "bad" },
};

export class CallLines {
  #list;
  #open;
  /** @type {Map<number, { item: HTMLLIElement, state: HTMLElement, startMs: number }>} By sequence. */
  #shown = new Map();

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} open - Of what is being said.
   */
  constructor(list, open) {
    this.#list = list;
    this.#open = open;
  }

  /**
   * @param {readonly Row[]} rows - All of them, by time.
   * @param {readonly import("./live-calls.js").TrackLabel[]} tracks
   * @param {number | null} mediaStartAt
   */
  show(rows, tracks, mediaStartAt) {
    /** @type {Element | null} */
    let before = null;
    for (const row of rows) {
      const shown = this.#shown.get(row.sequence) ?? this.#add(row, tracks, mediaStartAt);
      /** @type {Element | null} */
      const place = before === null ? this.#list.firstElementChild : before.nextElementSibling;
      if (place !== shown.item) this.#list.insertBefore(shown.item, place);
      before = shown.item;
    }
  }

  /** @param {Iterable<import("./live-calls.js").Line>} partials */
  hear(partials) {
    const lines = [...partials].sort((a, b) => a.startMs - b.startMs);
    while (this.#open.childElementCount > lines.length) this.#open.lastElementChild?.remove();
    for (const [index, line] of lines.entries()) {
      const item = this.#open.children[index] ?? this.#open.appendChild(lineItem(line.startMs, line.label));
      item.className = `turn partial ${sideOf(line)}`;
      setText(/** @type {Element} */ (item.querySelector(".label")), line.label);
      setText(/** @type {Element} */ (item.querySelector(".time")), lasting(line.startMs));
      setText(/** @type {Element} */ (item.querySelector(".text")), line.text);
    }
  }

  /** @param {readonly Delivery[]} deliveries */
  deliver(deliveries) {
    for (const { sequence, state, attempts } of deliveries) {
      const shown = this.#shown.get(sequence);
      if (shown === undefined) continue;
      const { text, tone } = DELIVERIES[state];
      const tries = attempts === 1 ? "tried once" : `tried ${attempts} times`;
      setText(shown.state, state === "pending" && attempts > 0 ? tries : text);
      shown.state.title = text;
      shown.state.className = `state ${tone}`;
    }
  }

  /**
   * @param {Row} row
   * @param {readonly import("./live-calls.js").TrackLabel[]} tracks
   * @param {number | null} mediaStartAt
   */
  #add(row, tracks, mediaStartAt) {
    const startMs = startOf(row);
    const known = tracks.find(({ track }) => track === row.track)?.label ?? row.track;
    const item = lineItem(startMs, "label" in row ? row.label : known);
    if (mediaStartAt !== null)
      /** @type {HTMLElement} */ (item.querySelector(".time")).title = wholeTime(mediaStartAt + startMs);
    item.id = `line-${row.sequence}`;
    item.classList.add(sideOf(row));
    const text = /** @type {HTMLElement} */ (item.querySelector(".text"));
    const state = element("span", "state");
    if (row.type === "transcript.final") {
      fill(text, row);
      const delayMs = delayOf(row, mediaStartAt);
      const delay = element("span", "delayed", delayMs === null ? "" : `+${(delayMs / 1000).toFixed(1)} s`);
      delay.title = "Delay: from the end of the last word to its text here";
      item.querySelector(".about")?.append(delay, state);
    } else if (row.type === "transcript.gap") {
      item.classList.add("gap");
      const seconds = ((row.endMs - row.startMs) / 1000).toFixed(1);
      text.textContent = `${seconds} s missing: ${CAUSES[row.cause] ?? row.cause}`;
      item.querySelector(".about")?.append(state);
    } else {
      item.classList.add("press");
      text.textContent = `Key ${row.digit}`;
      item.querySelector(".about")?.append(state);
    }
    const shown = { item, state, startMs };
    this.#shown.set(row.sequence, shown);
    return shown;
  }
}

/**
 * @param {number} startMs
 * @param {string} label
 */
function lineItem(startMs, label) {
  const item = element("li", "turn");
  const about = element("span", "about");
  about.append(element("span", "label", label), element("span", "time", lasting(startMs)));
  item.append(about, element("span", "text"));
  return item;
}

/**
 * @param {HTMLElement} shown
 * @param {import("./call-record.js").Final} final
 */
function fill(shown, { text, language, confidence, words, startMs, endMs }) {
  shown.lang = language;
  const timed = words.map(({ word, ...rest }) => ({ text: word, ...rest }));
  const line = {
    kind: /** @type {const} */ ("final"),
    text,
    startMs,
    endMs,
    delayMs: 0,
    language,
    confidence,
  };
  for (const piece of piecesOf({ ...line, words: timed })) {
    if (piece.confidence === null) shown.append(piece.text);
    else {
      const unsure = element("span", "unsure", piece.text);
      unsure.title = `${Math.round(piece.confidence * 100)} % sure`;
      shown.append(unsure);
    }
  }
}
