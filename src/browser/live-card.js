/**
 * One call that goes on, on the page of all: who, since when, and its last lines on two sides.
 */
import { element, setText } from "./dom.js";
import { lasting, shortTime, wholeTime } from "./when.js";

/** @typedef {import("./live-calls.js").LiveCall} LiveCall */
/** @typedef {import("./live-calls.js").Line} Line */

export class LiveCard {
  element = element("article", "live-card");
  #parties = element("a", "parties");
  #badge = element("span", "badge live");
  #state = element("span", "unseen");
  #clock = element("span", "clock");
  #facts = element("p", "facts");
  #lines = element("ol", "talk");
  /** Of the lines that are shown, by key. */
  /** @type {Map<string, HTMLLIElement>} */
  #shown = new Map();

  /** @param {string} callSid */
  constructor(callSid) {
    const title = element("h3");
    this.#parties.href = `/calls/${encodeURIComponent(callSid)}`;
    title.append(this.#parties);
    const head = element("header");
    this.#badge.append(this.#state, this.#clock);
    head.append(title, this.#badge);
    this.#lines.setAttribute("aria-label", "Last lines");
    this.element.append(head, this.#facts, this.#lines);
  }

  /**
   * @param {LiveCall} call
   * @param {number} now - Epoch ms.
   * @param {boolean} aloud - Whether new lines are read aloud: not those of many calls at once.
   */
  show(call, now, aloud) {
    setText(this.#parties, partiesOf(call));
    setText(this.#facts, factsOf(call, now));
    this.#showState(call, now);
    const live = aloud ? "polite" : "off";
    if (this.#lines.getAttribute("aria-live") !== live) this.#lines.setAttribute("aria-live", live);
    this.#showLines(call);
  }

  /**
   * How long it goes on, or that it has ended.
   *
   * @param {LiveCall} call
   * @param {number} now
   */
  #showState({ startedAt, ended }, now) {
    setText(this.#state, ended ? "" : "Live ");
    setText(this.#clock, ended ? "Ended" : startedAt === null ? "Live" : lasting(now - startedAt));
    this.#badge.classList.toggle("live", !ended);
    if (startedAt !== null && this.#badge.title === "") this.#badge.title = `Since ${wholeTime(startedAt)}`;
  }

  /**
   * A partial becomes its final in place; only what is new is touched.
   *
   * @param {LiveCall} call
   */
  #showLines({ lines, partials }) {
    const wanted = [
      ...lines.map((line) => ({ line, final: true })),
      ...[...partials.values()].sort((a, b) => a.startMs - b.startMs).map((line) => ({ line, final: false })),
    ];
    const keys = new Set(wanted.map(({ line }) => keyOf(line)));
    for (const [key, item] of this.#shown) {
      if (keys.has(key)) continue;
      item.remove();
      this.#shown.delete(key);
    }
    /** @type {HTMLLIElement | null} */
    let before = null;
    for (const { line, final } of wanted) {
      const item = this.#itemOf(line);
      const name = `${sideOf(line)}${final ? "" : " partial"}`;
      if (item.className !== name) item.className = name;
      // What changes all the time is not read aloud; what is final is.
      if (final) item.removeAttribute("aria-hidden");
      else item.setAttribute("aria-hidden", "true");
      setText(/** @type {Element} */ (item.lastChild), line.text);
      /** @type {ChildNode | null} */
      const place = before === null ? this.#lines.firstChild : before.nextSibling;
      if (place !== item) this.#lines.insertBefore(item, place);
      before = item;
    }
  }

  /** @param {Line} line */
  #itemOf(line) {
    const key = keyOf(line);
    const known = this.#shown.get(key);
    if (known) return known;
    const item = element("li");
    item.append(element("span", "unseen", `${line.label}: `), element("span", "text"));
    this.#shown.set(key, item);
    return item;
  }
}

/** @param {{ track: string, utterance: number }} line */
function keyOf({ track, utterance }) {
  return `${track} ${utterance}`;
}

/** @param {{ track: string }} line */
export function sideOf({ track }) {
  return track === "outbound" ? "agent" : "caller";
}

/** @param {Pick<LiveCall, "kind" | "from" | "to">} call */
export function partiesOf({ kind, from, to }) {
  if (from === "" && to === "") return "A call";
  return kind === "session" ? to : `${shortNumber(from)} → ${shortNumber(to)}`;
}

/**
 * A masked number is as long as what it hides; a page shows that something is hidden, and the end.
 *
 * @param {string} number
 */
export function shortNumber(number) {
  return number.replace(/^\*+/, "…") || "unknown";
}

/**
 * @param {LiveCall} call
 * @param {number} now
 */
function factsOf({ kind, startedAt, tracks, finals, gaps }, now) {
  const since = startedAt === null ? [] : [`since ${shortTime(startedAt, now)}`];
  const who = tracks.map(({ label }) => label).join(" and ");
  const missing = gaps === 0 ? [] : [`${gaps} ${gaps === 1 ? "gap" : "gaps"}`];
  const kinds = kind === "session" ? ["session"] : [];
  const lines = `${finals} ${finals === 1 ? "line" : "lines"}`;
  return [...kinds, ...(who ? [who] : []), lines, ...missing, ...since].join(" · ");
}
