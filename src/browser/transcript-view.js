/**
 * Shows lines as they come: finals stay, the partial below them changes. Texts are text, whatever is in them.
 */
import { piecesOf, shortClock } from "./transcript.js";

/** @typedef {import("./transcript.js").FinalLine} FinalLine */
/** @typedef {import("./transcript.js").GapLine} GapLine */

/** How near the end somebody reads who wants to see what comes next, CSS pixels. */
const NEAR_END_PX = 80;

export class TranscriptView {
  #scroller;
  #list;
  #partial;
  #partialTime;
  #partialText;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list - Of lines; told to screen readers.
   * @param {HTMLElement} partial - What is being said; not told, for it changes all the time.
   */
  constructor(scroller, list, partial) {
    this.#scroller = scroller;
    this.#list = list;
    this.#partial = partial;
    this.#partialTime = element("span", "time");
    this.#partialText = element("span", "text");
    partial.append(this.#partialTime, this.#partialText);
  }

  /** @param {FinalLine | GapLine} line */
  add(line) {
    this.#following(() => {
      this.#list.append(line.kind === "final" ? finalOf(line) : gapOf(line));
    });
  }

  /**
   * @param {string} text - Empty: nothing is being said.
   * @param {number} startMs
   */
  showPartial(text, startMs = 0) {
    this.#following(() => {
      this.#partial.hidden = text === "";
      this.#partialTime.textContent = shortClock(startMs);
      this.#partialText.textContent = text;
    });
  }

  clear() {
    this.#list.replaceChildren();
    this.showPartial("");
  }

  /** @param {() => void} change */
  #following(change) {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const near = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    change();
    if (near) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}

/** @param {FinalLine} line */
function finalOf(line) {
  const text = element("span", "text");
  text.lang = line.language;
  for (const piece of piecesOf(line)) {
    if (piece.confidence === null) text.append(piece.text);
    else {
      const unsure = element("span", "unsure", piece.text);
      unsure.title = `${Math.round(piece.confidence * 100)} % sure`;
      text.append(unsure);
    }
  }
  const item = element("li", "line");
  item.append(element("span", "time", shortClock(line.startMs)), text);
  return item;
}

/** @param {GapLine} line */
function gapOf({ startMs, endMs, cause }) {
  const seconds = Math.max(1, Math.round((endMs - startMs) / 1000));
  const why = cause === "offline" ? "the connection was lost for too long" : "it could not be recognised";
  const item = element("li", "line gap");
  const text = element("span", "text", `${seconds} s missing: ${why}`);
  item.append(element("span", "time", shortClock(startMs)), text);
  return item;
}

/**
 * @param {string} tag
 * @param {string} name - Class.
 * @param {string} [text]
 */
function element(tag, name, text = "") {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}
