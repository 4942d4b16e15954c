/**
 * A value as a schema wants it, for people to see what comes: what the schema gives as an example, or else the simplest that
 * fits. It is an example, not data of anybody.
 */
import { listOf, objectOf, referenceOf } from "./api-document.js";

/** @typedef {import("./api-document.js").ApiDocument} ApiDocument */

const DEPTH = 16;
const NODES = 1500;

/** @type {Record<string, string>} */
const FORMATS = {
  "date-time": "2026-11-23T14:15:00.000Z",
  date: "2026-11-23",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/**
 * @param {unknown} schema
 * @param {ApiDocument} document
 * @returns {unknown} Null where a schema goes in a circle, or on for too long.
 */
export function exampleOf(schema, document) {
  let left = NODES;

  /**
   * @param {unknown} said
   * @param {readonly string[]} trail
   * @returns {unknown}
   */
  const make = (said, trail) => {
    left -= 1;
    const reference = referenceOf(said);
    if (left <= 0 || trail.length > DEPTH || (reference !== null && trail.includes(reference))) return null;
    const down = [...trail, reference ?? ""];
    const found = objectOf(document.resolve(said));
    const given = givenBy(found);
    if (given !== undefined) return given;
    const [variant] = [...listOf(found.anyOf), ...listOf(found.oneOf)];
    if (variant !== undefined) return make(variant, down);
    if (found.items !== undefined) return [make(found.items, down)];
    if (found.properties === undefined && found.allOf === undefined) return simplest(found);
    const parts = listOf(found.allOf).map((part) => objectOf(make(part, down)));
    const own = Object.entries(objectOf(found.properties)).map(([name, one]) => [name, make(one, down)]);
    return Object.assign(Object.fromEntries(own), ...parts);
  };

  return make(schema, []);
}

/** @param {import("./api-document.js").Json} schema */
function givenBy(schema) {
  for (const name of ["example", "const", "default"]) if (Object.hasOwn(schema, name)) return schema[name];
  return listOf(schema.examples)[0] ?? listOf(schema.enum)[0];
}

/** @param {import("./api-document.js").Json} schema */
function simplest({ type, format, minimum, additionalProperties }) {
  const [kind] = Array.isArray(type) ? type : [type];
  if (kind === "integer" || kind === "number") return typeof minimum === "number" ? minimum : 0;
  if (kind === "boolean") return false;
  if (kind === "array") return [];
  if (kind === "object" || additionalProperties !== undefined) return {};
  return kind === "null" ? null : (FORMATS[String(format)] ?? "…");
}
