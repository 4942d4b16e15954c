/**
 * Text as descriptions have it: paragraphs, entries of lists behind a dash, and code between backticks. Everything else in it
 * is text.
 */
import { element } from "./dom.js";

/** @param {string} text */
export function proseOf(text) {
  /** @type {HTMLElement[]} */
  const parts = [];
  for (const block of text.split(/\n{2,}/)) {
    const lines = block.split("\n").filter((line) => line.trim() !== "");
    if (lines.length === 0) continue;
    if (lines.every((line) => line.startsWith("- "))) {
      const list = element("ul");
      list.append(...lines.map((line) => withCode("li", line.slice(2))));
      parts.push(list);
    } else parts.push(withCode("p", lines.join(" ")));
  }
  return parts;
}

/**
 * One line; what is between backticks is code.
 *
 * @param {"p" | "li" | "span"} tag
 * @param {string} line
 * @param {string} [name] - Class.
 */
export function withCode(tag, line, name = "") {
  const made = element(tag, name);
  const pieces = line.split("`");
  for (const [index, piece] of pieces.entries()) {
    const isCode = index % 2 === 1 && index < pieces.length - 1;
    if (isCode) made.append(element("code", "", piece));
    else if (piece !== "") made.append(index % 2 === 1 ? `\`${piece}` : piece);
  }
  return made;
}
