/**
 * A form that asks the server what an operation describes, with the login of this browser, and shows the answer as it came.
 */
import { addressOf, curlLine, keyOf } from "./api-request.js";
import { schemaTree } from "./api-schema.js";
import { copyButton } from "./copy.js";
import { element, setText } from "./dom.js";

/** @typedef {import("./api-document.js").ApiDocument} ApiDocument */
/** @typedef {import("./api-document.js").Operation} Operation */
/** @typedef {import("./api-document.js").Parameter} Parameter */
/**
 * @typedef {object} Asking
 * @property {(address: string, signal: AbortSignal) => Promise<Response>} ask
 * @property {(status: number, body: string) => void} onAnswer
 */

/** Of an answer that are shown. */
const CHARACTERS = 100_000;
const PATIENCE_MS = 30_000;

/**
 * The line for a shell, and, for what only reads, the form and its answer.
 *
 * @param {Operation} operation
 * @param {ApiDocument} document
 * @param {string} body - Of a request that has one, as JSON.
 * @param {Asking} asking
 * @returns {HTMLElement[]}
 */
export function tryParts(operation, document, body, asking) {
  const { method, isPublic } = operation;
  /** @type {Map<string, HTMLInputElement | HTMLSelectElement>} */
  const fields = new Map();
  const line = element("pre", "curl");
  line.tabIndex = 0;
  line.setAttribute("role", "group");
  line.setAttribute("aria-label", "Line for a shell");
  const address = () => {
    const values = new Map([...fields].map(([key, field]) => [key, field.value]));
    return addressOf(operation, values, document.base ?? "");
  };
  const showLine = () => {
    const sent = body === "" ? null : { type: operation.body[0]?.type ?? "", text: body };
    setText(line, curlLine({ method, url: `${location.origin}${address()}`, isPublic, body: sent }));
  };
  const shell = [element("h3", "", "In a shell"), line, copyButton(line)];
  const isReading = method === "GET" && document.base !== null;
  const form = isReading ? formOf(operation, document, fields) : null;
  showLine();
  if (form === null) return shell;
  form.addEventListener("input", showLine);
  const answer = answerPart();
  form.onsubmit = (event) => {
    event.preventDefault();
    void send(address(), form, answer, asking);
  };
  return [element("h3", "", "Try it"), form, answer.whole, ...shell];
}

/**
 * @param {Operation} operation
 * @param {ApiDocument} document
 * @param {Map<string, HTMLInputElement | HTMLSelectElement>} fields - Receives one for each parameter.
 */
function formOf({ id, summary, parameters }, document, fields) {
  const form = element("form", "try");
  form.setAttribute("aria-label", `Try ${id}: ${summary}`);
  const asked = parameters.filter(({ place }) => place === "path" || place === "query");
  for (const [index, parameter] of asked.entries()) {
    const field = fieldOf(parameter, document);
    field.id = `${id}-field-${index}`;
    field.required = parameter.required;
    fields.set(keyOf(parameter), field);
    const label = element("label", "", parameter.name);
    label.htmlFor = field.id;
    const place = element("p", "field");
    place.append(label, field);
    form.append(place);
  }
  const send = element("button", "button primary", "Send");
  form.append(send);
  return form;
}

/**
 * @param {Parameter} parameter
 * @param {ApiDocument} document
 */
function fieldOf({ schema, required }, document) {
  const { type, values } = schemaTree(schema, document);
  if (values.length > 0 && type === "string") {
    const select = element("select");
    if (!required) select.append(new Option("", ""));
    for (const value of values) select.append(new Option(String(JSON.parse(value))));
    return select;
  }
  const input = element("input");
  input.type = "text";
  if (type === "integer") input.inputMode = "numeric";
  input.autocomplete = "off";
  input.spellcheck = false;
  return input;
}

/** @typedef {{ whole: HTMLElement, status: HTMLElement, body: HTMLElement }} AnswerPart */

/** @returns {AnswerPart} */
function answerPart() {
  const whole = element("div", "answer");
  const status = element("p", "status");
  status.setAttribute("role", "status");
  const body = element("pre");
  body.tabIndex = 0;
  body.hidden = true;
  body.setAttribute("role", "group");
  body.setAttribute("aria-label", "Answer");
  whole.append(status, body);
  return { whole, status, body };
}

/**
 * @param {string} address
 * @param {HTMLFormElement} form
 * @param {AnswerPart} answer
 * @param {Asking} asking
 */
async function send(address, form, answer, { ask, onAnswer }) {
  // A document may describe anything; what is asked is this server.
  if (new URL(address, location.href).origin !== location.origin) {
    setText(answer.status, "This address is not of this server; it is not asked.");
    return;
  }
  const button = form.querySelector("button");
  if (button?.getAttribute("aria-disabled") === "true") return;
  button?.setAttribute("aria-disabled", "true");
  setText(answer.status, "Asking…");
  const from = performance.now();
  try {
    const response = await ask(address, AbortSignal.timeout(PATIENCE_MS));
    const text = await response.text();
    const ms = Math.round(performance.now() - from);
    const type = response.headers.get("content-type") ?? "";
    const size = `${text.length.toLocaleString("en")} characters`;
    setText(answer.status, `${response.status} ${response.statusText} · ${type} · ${size} · ${ms} ms`);
    answer.status.dataset.ok = String(response.ok);
    show(answer.body, readable(text, type));
    onAnswer(response.status, text);
  } catch {
    setText(answer.status, "The server cannot be reached, or took too long. Try again.");
    answer.status.dataset.ok = "false";
    answer.body.hidden = true;
  } finally {
    button?.removeAttribute("aria-disabled");
  }
}

/**
 * @param {HTMLElement} place
 * @param {string} text
 */
function show(place, text) {
  const cut = text.length > CHARACTERS;
  setText(place, cut ? `${text.slice(0, CHARACTERS)}\n… ${text.length - CHARACTERS} characters more` : text);
  place.hidden = text === "";
}

/**
 * @param {string} text
 * @param {string} type
 */
function readable(text, type) {
  if (!/^application\/([\w.-]+\+)?json\b/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
