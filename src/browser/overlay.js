/**
 * The page `/calls/:sid/captions`: what is said in one call, for screens and video mixers. The server has checked its look.
 */
import { CallsClient } from "./calls-client.js";
import { element, find, setText } from "./dom.js";
import { LiveCalls } from "./live-calls.js";
import { LiveLink } from "./live-link.js";
import { captionLines } from "./overlay-lines.js";

/** How long the last words stay, ms. */
const STAY_MS = 8000;
const TICK_MS = 500;
/** Of the width of the window. */
const LINE_SHARE = 0.92;

class Overlay {
  #place = find("captions");
  #look =
    /** @type {{ sid: string, size: string, lines: string, colour: string, background: string, track: string }} */ (
      Object.fromEntries(Object.entries(find("captions").dataset))
    );
  #calls = new LiveCalls();
  #client = new CallsClient();
  #pen = document.createElement("canvas").getContext("2d");
  /** When each line was heard of first, by track and utterance, monotonic ms. */
  /** @type {Map<string, number>} */
  #heardAt = new Map();
  #asked = false;

  open() {
    const { size, colour, background, sid } = this.#look;
    const { style } = document.documentElement;
    style.setProperty("--size", `${size}px`);
    style.setProperty("--colour", colour);
    style.setProperty("--background", background);
    const link = new LiveLink({
      open: () => new EventSource(`/v1/live?call=${encodeURIComponent(sid)}`),
      onSnapshot: (calls) => this.#changed(this.#calls.snapshot(calls)),
      onNews: (news) => this.#changed(this.#calls.news(news)),
      onState: (state, code) => {
        this.#place.dataset.link = state;
        if (code !== null) this.#place.dataset.code = code;
      },
      ask: () => this.#client.why(),
      // Mixers show pages that browsers take for hidden.
      page: { hidden: false, addEventListener() {} },
      now: () => performance.now(),
    });
    link.tick();
    setInterval(() => {
      link.tick();
      this.#changed();
    }, TICK_MS);
    addEventListener("resize", () => this.#changed());
  }

  /** @param {unknown} [_changed] */
  #changed(_changed) {
    if (this.#asked) return;
    this.#asked = true;
    // Not the frame of the browser: a page that it takes for hidden has none.
    setTimeout(() => this.#draw(), 40);
  }

  #draw() {
    this.#asked = false;
    const pen = this.#pen;
    if (pen === null) return;
    pen.font = getComputedStyle(this.#place).font;
    const widthPx = innerWidth * LINE_SHARE;
    const shown = captionLines(this.#said(), {
      lines: Number(this.#look.lines),
      fits: (text) => pen.measureText(text).width <= widthPx,
      sides: this.#look.track === "",
    });
    while (this.#place.childElementCount > shown.length) this.#place.lastElementChild?.remove();
    for (const [index, { text, final }] of shown.entries()) {
      const line = this.#place.children[index] ?? this.#place.appendChild(element("p"));
      line.className = final ? "" : "partial";
      setText(line, text);
    }
  }

  /** What was said a moment ago, and what is being said. */
  #said() {
    const now = performance.now();
    const call = this.#calls.calls.get(this.#look.sid);
    if (call === undefined) return [];
    const lines = [
      ...call.lines.map((line) => ({ ...line, final: true })),
      ...[...call.partials.values()].map((line) => ({ ...line, final: false })),
    ].sort((a, b) => a.startMs - b.startMs);
    return lines.filter((line) => {
      if (this.#look.track !== "" && line.track !== this.#look.track) return false;
      const key = `${line.track} ${line.utterance} ${line.final}`;
      const heardAt = this.#heardAt.get(key) ?? now;
      this.#heardAt.set(key, heardAt);
      return !line.final || now - heardAt < STAY_MS;
    });
  }
}

new Overlay().open();
