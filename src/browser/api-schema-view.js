/**
 * A schema as a list within lists.
 */
import { element } from "./dom.js";
import { withCode } from "./prose.js";

/** @typedef {import("./api-schema.js").SchemaNode} SchemaNode */

/** Values of an enumeration that are shown, at most. */
const VALUES = 40;

/**
 * What is in a value; null when there is nothing in it.
 *
 * @param {SchemaNode} node
 * @returns {HTMLElement | null}
 */
export function schemaList({ children, isChoice }) {
  if (children.length === 0) return null;
  const list = element("ul", isChoice ? "schema choice" : "schema");
  for (const child of children) list.append(entryOf(child, isChoice));
  return list;
}

/**
 * A name, its type and limits, and what it means.
 *
 * @param {SchemaNode} node
 * @param {string} need - Whether it has to be there, in a word or two.
 */
export function factsOf(node, need) {
  const facts = element("p", "facts");
  if (node.name !== "") facts.append(element("code", "name", node.name), " ");
  facts.append(element("span", "type", node.type));
  if (need !== "") facts.append(" ", element("span", "need", need));
  const { values, limits } = node;
  const shown = values.slice(0, VALUES);
  if (shown.length > 0) {
    const more = values.length > VALUES ? `, and ${values.length - VALUES} more` : "";
    const line = shown.map((value) => `\`${value.replaceAll("`", "'")}\``).join(", ");
    facts.append(" ", withCode("span", `${line}${more}`, "limits"));
  }
  if (limits.length > 0) facts.append(" ", element("span", "limits", limits.join(", ")));
  return facts;
}

/**
 * @param {SchemaNode} node
 * @param {boolean} isVariant
 */
function entryOf(node, isVariant) {
  const entry = element("li");
  entry.append(factsOf(node, node.required || isVariant ? "" : "may be absent"));
  if (node.description !== "") entry.append(withCode("p", node.description, "what"));
  const inner = schemaList(node);
  if (inner === null) return entry;
  if (!isVariant) {
    entry.append(inner);
    return entry;
  }
  const fold = element("details", "fold");
  fold.append(element("summary", "", `What is in ${node.name}`), inner);
  entry.append(fold);
  return entry;
}
