/**
 * Draws a timeline as SVG, by attributes alone: the policy allows no styles in markup.
 */
import { lasting } from "./when.js";

const SVG = "http://www.w3.org/2000/svg";
/** CSS pixels. */
const LANE_PX = 44;
const LABEL_PX = 16;
const AXIS_PX = 22;
/** Long calls are wider than the window, and scrolled, px a second and px at most. */
const PX_PER_SECOND = 6;
const WIDEST_PX = 16_000;

/** Of each kind: class, place in its lane from above, height, and what it is called. */
const KINDS = /** @type {const} */ ([
  ["utterances", "utterance", 4, 22],
  ["open", "open", 4, 22],
  ["speech", "speech", 9, 12],
  ["gaps", "gap", 4, 22],
  ["delays", "delay", 29, 4],
  ["presses", "press", 4, 22],
]);

/**
 * @param {SVGSVGElement} svg
 * @param {import("./timeline.js").Timeline} timeline
 */
export function drawTimeline(svg, { totalMs, lanes, ticks }) {
  const heightPx = lanes.length * (LANE_PX + LABEL_PX) + AXIS_PX;
  svg.setAttribute("height", String(heightPx));
  const widthPx = Math.min(WIDEST_PX, Math.round((totalMs / 1000) * PX_PER_SECOND));
  svg.style.setProperty("--width", `${widthPx}px`);
  const parts = ticks.flatMap(({ x, atMs }) => [
    made("line", { class: "tick", x1: share(x), x2: share(x), y1: "0", y2: String(heightPx - AXIS_PX) }),
    made("text", { class: "tick-text", x: share(x), y: String(heightPx - 6), dx: "3" }, lasting(atMs)),
  ]);
  for (const [index, lane] of lanes.entries()) {
    const top = index * (LANE_PX + LABEL_PX);
    parts.push(made("text", { class: "lane-text", x: "0", y: String(top + 12), dx: "4" }, lane.label));
    const group = made("g", { class: lane.track === "outbound" ? "lane agent" : "lane caller" });
    for (const [kind, name, y, height] of KINDS) {
      for (const { x, width, sequence } of lane[kind]) {
        const bar = { class: name, x: share(x), width: share(width), y: String(top + LABEL_PX + y) };
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
