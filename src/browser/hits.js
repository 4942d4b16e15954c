/**
 * Texts in which something was found, in pieces.
 */

/**
 * The pieces of a text; together they are the text, letter by letter.
 *
 * @param {string} text
 * @param {readonly import("./calls-client.js").Mark[]} marks - UTF-16 units; in order, not overlapping. Others are left out.
 * @returns {{ text: string, found: boolean }[]}
 */
export function piecesOfHit(text, marks) {
  /** @type {{ text: string, found: boolean }[]} */
  const pieces = [];
  let at = 0;
  for (const { start, end } of marks) {
    if (!(start >= at && end > start && end <= text.length)) continue;
    if (start > at) pieces.push({ text: text.slice(at, start), found: false });
    pieces.push({ text: text.slice(start, end), found: true });
    at = end;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), found: false });
  return pieces;
}
