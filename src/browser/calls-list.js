/**
 * Calls past, a page at a time: who, when, how long, what was found.
 */
import { element, find, setText } from "./dom.js";
import { piecesOfHit } from "./hits.js";
import { partiesOf } from "./live-card.js";
import { languageName, lasting, shortTime, wholeTime } from "./when.js";

/** @typedef {import("./calls-client.js").Call} Call */
/** @typedef {import("./calls-client.js").Hit} Hit */

export class CallsList {
  /** @type {HTMLTableSectionElement} */
  #rows = find("calls");
  /** @type {Set<string>} */
  #shown = new Set();

  clear() {
    this.#rows.replaceChildren();
    this.#shown.clear();
  }

  get length() {
    return this.#shown.size;
  }

  /** @param {readonly Call[]} calls */
  add(calls) {
    const now = Date.now();
    // A call that ended between two pages may be on both.
    const fresh = calls.filter(({ callSid }) => !this.#shown.has(callSid));
    for (const { callSid } of fresh) this.#shown.add(callSid);
    this.#rows.append(...fresh.map((call) => rowOf(call, now)));
  }
}

/**
 * @param {Call} call
 * @param {number} now
 */
function rowOf(call, now) {
  const row = element("tr");
  const link = element("a", "parties", partiesOf(call));
  link.href = addressOf(call);
  const who = element("th");
  who.scope = "row";
  who.append(link);
  for (const badge of badgesOf(call)) who.append(" ", badge);
  if (call.hits) who.append(hitsOf(call, call.hits));
  const at = Date.parse(call.openedAt);
  const when = element("time", "", shortTime(at, now));
  when.dateTime = call.openedAt;
  when.title = wholeTime(at);
  row.append(
    who,
    cell(when),
    cell(lasting(call.durationMs), "number"),
    linesOf(call),
    cell(call.languages.map(languageName).join(", ")),
  );
  return row;
}

/**
 * @param {Node | string} content
 * @param {string} [kind] - Class.
 */
function cell(content, kind = "") {
  const made = element("td", kind);
  made.append(content);
  return made;
}

/** @param {Call} call */
function linesOf({ finals }) {
  const made = cell(String(finals), "number");
  made.append(element("span", "unit", finals === 1 ? " line" : " lines"));
  return made;
}

/** @param {Call} call */
export function badgesOf({ status, endReason, gaps, deliveries }) {
  const badges = [];
  if (status === "live") badges.push(element("span", "badge live", "Live"));
  if (endReason === "crash") badges.push(element("span", "badge bad", "Cut off"));
  if (endReason === "never_streamed") badges.push(element("span", "badge", "No audio"));
  if (gaps > 0) badges.push(element("span", "badge warn", gaps === 1 ? "1 gap" : `${gaps} gaps`));
  if (deliveries.dead > 0) badges.push(element("span", "badge bad", `${deliveries.dead} not delivered`));
  else if (status === "ended" && deliveries.pending > 0)
    badges.push(element("span", "badge warn", `${deliveries.pending} on the way`));
  return badges;
}

/**
 * @param {Call} call
 * @param {readonly Hit[]} hits
 */
function hitsOf(call, hits) {
  const list = element("ul", "hits");
  for (const hit of hits) {
    const item = element("li");
    const link = element("a", "hit");
    link.href = `${addressOf(call)}#line-${hit.sequence}`;
    const text = element("span", "text");
    text.lang = hit.language;
    if (hit.cutBefore) text.append("… ");
    for (const { text: piece, found } of piecesOfHit(hit.text, hit.marks))
      text.append(found ? element("mark", "", piece) : piece);
    if (hit.cutAfter) text.append(" …");
    link.append(element("span", "time", lasting(hit.startMs)), element("span", "label", hit.label), text);
    item.append(link);
    list.append(item);
  }
  const more = (call.hitCount ?? hits.length) - hits.length;
  if (more > 0) list.append(element("li", "muted", `and ${more} more in this call`));
  return list;
}

/** @param {Pick<Call, "callSid">} call */
function addressOf({ callSid }) {
  return `/calls/${encodeURIComponent(callSid)}`;
}

/**
 * What the list holds, in words.
 *
 * @param {number} count
 * @param {boolean} more
 * @param {boolean} filtered
 */
export function showSummary(count, more, filtered) {
  const what = count === 1 ? "call" : "calls";
  const all = more ? `the last ${count} ${what}; there may be more` : `${count} ${what}`;
  setText(find("summary"), count === 0 ? "" : filtered ? `Found ${all}` : `Showing ${all}`);
}
