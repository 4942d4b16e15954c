/**
 * One operation of the API as a part of the page that can be unfolded.
 */
import { exampleOf } from "./api-example.js";
import { schemaTree } from "./api-schema.js";
import { factsOf, schemaList } from "./api-schema-view.js";
import { tryParts } from "./api-try.js";
import { element } from "./dom.js";
import { proseOf, withCode } from "./prose.js";

/** @typedef {import("./api-document.js").ApiDocument} ApiDocument */
/** @typedef {import("./api-document.js").Media} Media */
/** @typedef {import("./api-document.js").Operation} Operation */
/** @typedef {import("./api-document.js").Response} Answer */

/**
 * @param {Operation} operation
 * @param {ApiDocument} document
 * @param {import("./api-try.js").Asking} asking
 */
export function operationPart(operation, document, asking) {
  const part = element("details", "card operation");
  part.id = operation.id;
  const inside = element("div", "inside");
  const link = element("a", "button small", "Link");
  link.href = `#${operation.id}`;
  link.setAttribute("aria-label", `Link to ${operation.id}`);
  const about = element("div", "row about");
  const said = element("div");
  said.append(...proseOf(operation.description));
  if (operation.isPublic) said.append(element("p", "", "Needs no key."));
  about.append(said, link);
  const answers = operation.responses.filter(({ status }) => /^[123]/.test(status));
  const errors = operation.responses.filter((response) => !answers.includes(response));
  inside.append(
    about,
    ...parameterParts(operation, document),
    ...bodyParts(operation.body, document),
    ...tryParts(operation, document, bodyExample(operation, document), asking),
    ...answers.flatMap((answer) => answerParts(answer, document)),
    ...errorParts(errors),
  );
  part.append(summaryOf(operation), inside);
  return part;
}

/** @param {Operation} operation */
function summaryOf({ method, path, summary }) {
  const line = element("summary");
  const title = element("h2");
  const verb = element("span", `method ${/^[A-Z]+$/.test(method) ? method.toLowerCase() : ""}`, method);
  title.append(verb, " ", element("code", "", path));
  line.append(title, withCode("span", summary, "short"));
  return line;
}

/**
 * @param {Operation} operation
 * @param {ApiDocument} document
 */
function parameterParts({ parameters }, document) {
  if (parameters.length === 0) return [];
  const list = element("ul", "schema");
  for (const { name, place, required, description, schema } of parameters) {
    const node = { ...schemaTree(schema, document), name };
    const entry = element("li");
    const where = place === "query" ? "" : `in the ${place || "request"}`;
    entry.append(factsOf(node, [where, required ? "required" : ""].filter(Boolean).join(", ")));
    const meaning = description || node.description;
    if (meaning !== "") entry.append(withCode("p", meaning, "what"));
    list.append(entry);
  }
  return [element("h3", "", "Parameters"), list];
}

/**
 * @param {Media[]} body
 * @param {ApiDocument} document
 */
function bodyParts(body, document) {
  return body.flatMap((media) => [element("h3", "", "Body"), ...mediaParts(media, document)]);
}

/**
 * @param {Answer} answer
 * @param {ApiDocument} document
 */
function answerParts({ status, media }, document) {
  return [element("h3", "", `Answer ${status}`), ...media.flatMap((one) => mediaParts(one, document))];
}

/**
 * @param {Media} media
 * @param {ApiDocument} document
 */
function mediaParts(media, document) {
  const { type, schema, examples } = media;
  const node = schemaTree(schema, document);
  const line = element("p", "facts");
  line.append(element("code", "", type), " ", element("span", "type", node.type));
  const list = schemaList(node);
  if (list === null && examples.length === 0) return [line];
  /** @type {HTMLElement[]} */
  const parts = [line];
  if (list !== null) parts.push(folded("Fields", list));
  for (const example of examples.length > 0 ? examples : [exampleOf(schema, document)])
    parts.push(folded("Example", sample(JSON.stringify(example, null, 2) ?? "")));
  return parts;
}

/**
 * What a request's body may be, in a line of a shell; empty without one.
 *
 * @param {Operation} operation
 * @param {ApiDocument} document
 */
function bodyExample({ body: [media] }, document) {
  if (media === undefined) return "";
  return JSON.stringify(media.examples[0] ?? exampleOf(media.schema, document)) ?? "";
}

/** @param {Answer[]} errors */
function errorParts(errors) {
  if (errors.length === 0) return [];
  const list = element("div", "errors");
  for (const { status, description, media } of errors) {
    list.append(element("h4", "", status), ...proseOf(description));
    const types = media.map(({ type }) => `\`${type}\``).join(", ");
    if (types !== "") list.append(withCode("p", `As ${types}`, "muted"));
  }
  return [folded(`Errors: ${errors.map(({ status }) => status).join(", ")}`, list)];
}

/** @param {string} text */
function sample(text) {
  const shown = element("pre", "", text);
  shown.tabIndex = 0;
  shown.setAttribute("role", "group");
  shown.setAttribute("aria-label", "Example");
  return shown;
}

/**
 * @param {string} title
 * @param {HTMLElement} inner
 */
function folded(title, inner) {
  const fold = element("details", "fold");
  fold.append(element("summary", "", title), inner);
  return fold;
}
