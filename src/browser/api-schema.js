/**
 * A JSON Schema as a tree to be read: what each value is, its limits, and what is in it. References are followed once on each
 * way down, and a tree has an end, whatever the schema says.
 */
import { listOf, objectOf, referenceOf, textOf } from "./api-document.js";

/** @typedef {import("./api-document.js").ApiDocument} ApiDocument */
/**
 * @typedef {object} SchemaNode
 * @property {string} name - Of the property or variant; empty at the top.
 * @property {string} type - In words.
 * @property {boolean} required
 * @property {string[]} values - All that it may be, as JSON; empty: not only these.
 * @property {string[]} limits - In words.
 * @property {string} description
 * @property {boolean} isChoice - Whether exactly one of the children is meant.
 * @property {SchemaNode[]} children
 */

/** Levels within each other, at most. */
const DEPTH = 16;
/** Of one tree: small schemas that name each other a few times can be endlessly large. */
const NODES = 1500;
/** Types whose pattern says nothing more to a reader. */
const FORMATS = ["date-time", "date", "time", "uuid", "email", "uri"];

/**
 * @param {unknown} schema
 * @param {ApiDocument} document
 * @returns {SchemaNode}
 */
export function schemaTree(schema, document) {
  return new Reader(document).read(schema, "", false, []);
}

class Reader {
  #document;
  #left = NODES;

  /** @param {ApiDocument} document */
  constructor(document) {
    this.#document = document;
  }

  /**
   * @param {unknown} said
   * @param {string} name
   * @param {boolean} required
   * @param {readonly string[]} trail - References that led here.
   * @returns {SchemaNode}
   */
  read(said, name, required, trail) {
    const node = { name, type: "anything", required, values: [], limits: [], description: "" };
    /** @type {SchemaNode} */
    const plain = { ...node, isChoice: false, children: [] };
    this.#left -= 1;
    const reference = referenceOf(said);
    const label = reference === null ? "" : textOf(reference.split("/").at(-1));
    if (reference !== null && trail.includes(reference)) return { ...plain, type: `${label}, as above` };
    if (this.#left <= 0 || trail.length > DEPTH) return { ...plain, type: label || "…" };
    const down = [...trail, reference ?? ""];
    const schema = objectOf(this.#document.resolve(said));
    if (reference !== null && Object.keys(schema).length === 0) return { ...plain, type: label };
    return { ...plain, description: textOf(schema.description), ...this.#body(schema, down) };
  }

  /**
   * @param {import("./api-document.js").Json} schema
   * @param {readonly string[]} trail
   * @returns {Pick<SchemaNode, "type" | "values" | "limits" | "isChoice" | "children">}
   */
  #body(schema, trail) {
    const own = { values: valuesOf(schema), limits: limitsOf(schema), isChoice: false };
    const variants = [...listOf(schema.anyOf), ...listOf(schema.oneOf)];
    if (variants.length > 0) return { ...own, ...this.#choice(variants, trail) };
    const parts = listOf(schema.allOf).map((part) => this.read(part, "", false, trail));
    const items = "items" in schema ? this.read(schema.items, "", false, trail) : null;
    if (items !== null) {
      const { values, children, isChoice } = items;
      const limits = [...own.limits, ...items.limits.map((limit) => `each ${limit}`)];
      return { type: `list of ${items.type}`, values, limits, children, isChoice };
    }
    const children = [...parts.flatMap((part) => part.children), ...this.#properties(schema, trail)];
    return { ...own, type: typeOf(schema), children };
  }

  /**
   * @param {unknown[]} variants
   * @param {readonly string[]} trail
   */
  #choice(variants, trail) {
    const nodes = variants.map((variant) => this.read(variant, variantName(variant), false, trail));
    const types = [...new Set(nodes.map(({ type }) => type))].join(" or ");
    const values = nodes.flatMap((node) => node.values);
    const limits = [...new Set(nodes.flatMap((node) => node.limits))];
    const full = nodes.filter(({ children }) => children.length > 0);
    if (full.length < 2) {
      const [only] = full;
      return {
        type: types,
        values,
        limits,
        children: only?.children ?? [],
        isChoice: only?.isChoice ?? false,
      };
    }
    const named = nodes.map((node, index) => ({ ...node, name: node.name || `${index + 1}` }));
    return { type: `one of ${nodes.length}`, values: [], limits: [], children: named, isChoice: true };
  }

  /**
   * @param {import("./api-document.js").Json} schema
   * @param {readonly string[]} trail
   */
  #properties({ properties, required, additionalProperties }, trail) {
    const needed = listOf(required);
    const named = Object.entries(objectOf(properties)).map(([name, property]) =>
      this.read(property, name, needed.includes(name), trail),
    );
    const more = Object.keys(objectOf(additionalProperties)).length > 0;
    return more ? [...named, this.read(additionalProperties, "any name", false, trail)] : named;
  }
}

/** @param {import("./api-document.js").Json} schema */
function typeOf({ type, format, enum: values, const: value, properties, allOf }) {
  const known = FORMATS.find((one) => one === format);
  if (known !== undefined) return known;
  const types = (Array.isArray(type) ? type : [type]).filter((one) => typeof one === "string");
  if (types.length > 0) return types.join(" or ");
  if (properties !== undefined || allOf !== undefined) return "object";
  const sample = value ?? listOf(values)[0];
  return sample === undefined ? "anything" : sample === null ? "null" : typeof sample;
}

/** @param {import("./api-document.js").Json} schema */
function valuesOf(schema) {
  const values = "const" in schema ? [schema.const] : listOf(schema.enum);
  return values.map((value) => JSON.stringify(value));
}

/** @param {import("./api-document.js").Json} schema */
function limitsOf(schema) {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern, format } = schema;
  const largest = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const smallest = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  return [
    between(smallest, largest, ""),
    between(minLength, maxLength, " characters"),
    between(minItems, maxItems, " entries"),
    typeof pattern === "string" && !FORMATS.some((one) => one === format) ? `matches ${pattern}` : "",
    "default" in schema ? `default ${JSON.stringify(schema.default)}` : "",
  ].filter((limit) => limit !== "");
}

/**
 * @param {unknown} least
 * @param {unknown} most
 * @param {string} unit
 */
function between(least, most, unit) {
  const [low, high] = [least, most].map((one) => (typeof one === "number" ? String(one) : ""));
  if (low && high) return low === high ? `${low}${unit}` : `${low} to ${high}${unit}`;
  if (low) return `at least ${low}${unit}`;
  return high ? `at most ${high}${unit}` : "";
}

/**
 * Variants of our events are told apart by their type.
 *
 * @param {unknown} schema
 */
function variantName(schema) {
  const constants = Object.values(objectOf(objectOf(schema).properties)).map((one) => objectOf(one).const);
  return textOf(constants.find((one) => typeof one === "string"));
}
