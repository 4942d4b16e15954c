/**
 * Draws a timeline as SVG, by attributes alone: the policy allows no styles in markup.
 */
import { element } from "./dom.js";
import { timelineOf } from "./timeline.js";
import { lasting } from "./when.js";

const SVG = "http://www.w3.org/2000/svg";
/** CSS pixels; the names beside the lanes are as high (call.css). */
const LANE_PX = 40;
const AXIS_PX = 22;
/** The most that a second is drawn over, CSS pixels. */
const PX_PER_SECOND = 24;
const WIDEST_PX = 64_000;
const ZOOM_STEP = 2;

/** Of each kind: class, place in its lane from above, and height. */
const KINDS = /** @type {const} */ ([
  ["utterances", "utterance", 4, 22],
  ["open", "open", 5, 20],
  ["speech", "speech", 9, 12],
  ["gaps", "gap", 4, 22],
  ["delays", "delay", 30, 3],
  ["presses", "press", 4, 22],
]);

/** All of a call at first; with each step in half of it, to be scrolled. */
export class TimelineView {
  #svg;
  #names;
  #scroller;
  #zoomIn;
  #zoomOut;
  #zoom = 1;
  /** How far it can be zoomed. */
  #most = 1;
  /** @type {Omit<Parameters<typeof timelineOf>[0], "widthPx"> | null} */
  #call = null;

  /**
   * @param {object} places
   * @param {SVGSVGElement} places.svg
   * @param {HTMLElement} places.names - Of the lanes.
   * @param {HTMLElement} places.scroller
   * @param {HTMLButtonElement} places.zoomIn
   * @param {HTMLButtonElement} places.zoomOut
   */
  constructor({ svg, names, scroller, zoomIn, zoomOut }) {
    this.#svg = svg;
    this.#names = names;
    this.#scroller = scroller;
    this.#zoomIn = zoomIn;
    this.#zoomOut = zoomOut;
    zoomIn.onclick = () => this.#zoomTo(this.#zoom * ZOOM_STEP);
    zoomOut.onclick = () => this.#zoomTo(this.#zoom / ZOOM_STEP);
    new ResizeObserver(() => this.#draw()).observe(scroller);
  }

  /** @param {Omit<Parameters<typeof timelineOf>[0], "widthPx">} call */
  show(call) {
    this.#call = { ...call, partials: [...call.partials] };
    this.#draw();
  }

  /** @param {number} zoom - What is in the middle stays there. */
  #zoomTo(zoom) {
    // In a wider window less is left to zoom in by, perhaps less than there is; out of it there is always a way.
    if (zoom < 1 || (zoom > this.#zoom && zoom > this.#most)) return;
    const { scrollLeft, clientWidth } = this.#scroller;
    const middle = (scrollLeft + clientWidth / 2) / (clientWidth * this.#zoom);
    this.#zoom = zoom;
    this.#draw();
    this.#scroller.scrollLeft = middle * clientWidth * this.#zoom - clientWidth / 2;
  }

  #draw() {
    if (this.#call === null) return;
    const { scrollLeft, scrollWidth, clientWidth } = this.#scroller;
    const atEnd = this.#zoom > 1 && scrollWidth - scrollLeft - clientWidth < 2;
    const widthPx = Math.max(1, clientWidth * this.#zoom);
    const timeline = timelineOf({ ...this.#call, widthPx });
    this.#svg.style.setProperty("--width", `${widthPx}px`);
    drawTimeline(this.#svg, timeline);
    this.#names.replaceChildren(...timeline.lanes.map(({ label, track }) => nameOf(label, track)));
    if (atEnd) this.#scroller.scrollLeft = this.#scroller.scrollWidth;
    const widestPx = Math.min(WIDEST_PX, (timeline.totalMs / 1000) * PX_PER_SECOND);
    this.#most = widestPx / Math.max(1, clientWidth);
    const useless = this.#zoom === 1 && this.#most < ZOOM_STEP;
    for (const button of [this.#zoomOut, this.#zoomIn]) button.hidden = useless;
    disable(this.#zoomOut, this.#zoom === 1);
    disable(this.#zoomIn, this.#zoom * ZOOM_STEP > this.#most);
  }
}

/**
 * Not `disabled`, which would take the focus from whoever pressed it with a key.
 *
 * @param {HTMLButtonElement} button
 * @param {boolean} disabled
 */
function disable(button, disabled) {
  button.setAttribute("aria-disabled", String(disabled));
}

/**
 * @param {string} label
 * @param {string} track
 */
function nameOf(label, track) {
  return element("li", track === "outbound" ? "agent" : "caller", label);
}

/**
 * @param {SVGSVGElement} svg
 * @param {import("./timeline.js").Timeline} timeline
 */
function drawTimeline(svg, { lanes, ticks }) {
  const heightPx = lanes.length * LANE_PX + AXIS_PX;
  svg.setAttribute("height", String(heightPx));
  const parts = lanes.map((_, index) =>
    made("rect", {
      class: "back",
      x: "0",
      width: "100%",
      y: String(index * LANE_PX + 4),
      height: "22",
      rx: "4",
    }),
  );
  for (const { x, atMs } of ticks)
    parts.push(
      made("line", { class: "tick", x1: share(x), x2: share(x), y1: "0", y2: String(heightPx - AXIS_PX) }),
      made("text", { class: "tick-text", x: share(x), y: String(heightPx - 5), dx: "2" }, lasting(atMs)),
    );
  for (const [index, lane] of lanes.entries()) {
    const group = made("g", { class: lane.track === "outbound" ? "lane agent" : "lane caller" });
    for (const [kind, name, y, height] of KINDS) {
      for (const { x, width, sequence } of lane[kind]) {
        const bar = { class: name, x: share(x), width: share(width), y: String(index * LANE_PX + y) };
        group.append(
          made("rect", { ...bar, height: String(height), rx: "2", "data-sequence": String(sequence) }),
        );
      }
    }
    parts.push(group);
  }
  svg.replaceChildren(...parts);
}

/** @param {number} thousandths */
function share(thousandths) {
  return `${(thousandths / 10).toFixed(3)}%`;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {string} [text]
 */
function made(tag, attributes, text = "") {
  const shape = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  if (text !== "") shape.textContent = text;
  return shape;
}
