/**
 * What somebody looks for, as fields of a form, as the address of the page, and as the API is asked for it.
 */

/** @typedef {{ q: string, number: string, from: string, to: string, language: string, status: string }} Filter */

/** @type {readonly (keyof Filter)[]} */
export const FIELDS = ["q", "number", "from", "to", "language", "status"];

const DATE = /^\d{4}-\d\d-\d\d$/;

/**
 * @param {URLSearchParams} address - Of the page.
 * @returns {Filter}
 */
export function filterOf(address) {
  const get = (/** @type {string} */ name) => (address.get(name) ?? "").trim();
  const filter = Object.fromEntries(FIELDS.map((name) => [name, get(name)]));
  for (const name of ["from", "to"]) if (!DATE.test(filter[name] ?? "")) filter[name] = "";
  return /** @type {Filter} */ (filter);
}

/**
 * The address of a page that looks for it; empty for everything.
 *
 * @param {Filter} filter
 */
export function addressOf(filter) {
  const query = new URLSearchParams();
  for (const name of FIELDS) if (filter[name] !== "") query.set(name, filter[name]);
  return query.size === 0 ? "" : `?${query}`;
}

/** @param {Filter} filter */
export function isEmpty(filter) {
  return FIELDS.every((name) => filter[name] === "");
}

/**
 * What the API is asked. Days are those of the reader's clock: from the first moment of one to the last of the other.
 *
 * @param {Filter} filter
 * @param {{ cursor?: string | null, limit?: number }} [page]
 */
export function queryOf({ q, number, from, to, language, status }, { cursor = null, limit = 50 } = {}) {
  const query = new URLSearchParams();
  if (q !== "") query.set("q", q);
  if (number !== "") query.set("number", asNumber(number));
  if (from !== "") query.set("since", dayOf(from, 0));
  if (to !== "") query.set("until", dayOf(to, 1));
  if (language !== "") query.set("language", language);
  if (status !== "") query.set("status", status);
  query.set("limit", String(limit));
  if (cursor !== null) query.set("cursor", cursor);
  return query;
}

/**
 * People write numbers with spaces, dashes and brackets.
 *
 * @param {string} typed
 */
function asNumber(typed) {
  return /^\+?[\d\s().\-/]+$/.test(typed) ? typed.replaceAll(/[^+\d]/g, "") : typed;
}

/**
 * @param {string} date
 * @param {number} days - Added.
 */
function dayOf(date, days) {
  const [year = 0, month = 1, day = 1] = date.split("-").map(Number);
  const start = new Date(year, month - 1, day + days);
  return Number.isNaN(start.getTime()) ? date : start.toISOString();
}
