/**
 * The page `/api`: every operation of the API as its document describes it, to be read, looked for and tried.
 */
import { ApiDocument, listOf, objectOf, textOf } from "./api-document.js";
import { operationPart } from "./api-view.js";
import { CallsClient, Refused } from "./calls-client.js";
import { find, setText } from "./dom.js";
import { proseOf } from "./prose.js";
import { Reread } from "./reread.js";
import { showTrouble } from "./trouble.js";

const TICK_MS = 500;

/** @typedef {{ part: HTMLDetailsElement, words: string }} Shown */

class ApiPage {
  #client = new CallsClient();
  #reread = new Reread({ read: () => void this.#read(), page: document, now: () => performance.now() });
  /** @type {HTMLInputElement} */
  #search = find("q");
  /** @type {Map<string, Shown>} By operation. */
  #shown = new Map();

  open() {
    this.#search.oninput = () => this.#filter();
    find("filter").onsubmit = (event) => event.preventDefault();
    addEventListener("hashchange", () => this.#showTarget());
    void this.#read();
    setInterval(() => this.#reread.tick(), TICK_MS);
  }

  async #read() {
    try {
      const root = await this.#client.document();
      this.#reread.worked();
      showTrouble(null);
      this.#show(root);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      showTrouble(error, this.#reread.failed(error));
    }
  }

  /** @param {unknown} root */
  #show(root) {
    const taken = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    const api = new ApiDocument(root, taken);
    setText(find("version"), api.version === "" ? "" : `${api.title} ${api.version}`);
    find("about").replaceChildren(...proseOf(api.description), ...keyWords(root));
    const asking = {
      ask: (/** @type {string} */ address, /** @type {AbortSignal} */ signal) =>
        fetch(address, { cache: "no-store", signal }),
      onAnswer: (/** @type {number} */ status, /** @type {string} */ body) => this.#answered(status, body),
    };
    for (const operation of api.operations) {
      const part = operationPart(operation, api, asking);
      this.#shown.set(operation.id, { part, words: wordsOf(part) });
    }
    find("operations").replaceChildren(...[...this.#shown.values()].map(({ part }) => part));
    this.#filter();
    this.#showTarget();
  }

  /**
   * @param {number} status
   * @param {string} body
   */
  #answered(status, body) {
    if (status !== 401) {
      showTrouble(null);
      return;
    }
    showTrouble({ code: codeOf(body), status });
  }

  #filter() {
    const wanted = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { part, words } of this.#shown.values()) {
      part.hidden = !wanted.every((word) => words.includes(word));
      if (!part.hidden) count += 1;
    }
    const all = this.#shown.size;
    setText(find("summary"), wanted.length === 0 ? `${all} operations` : `${count} of ${all} operations`);
    find("not-found").hidden = count > 0 || all === 0;
  }

  /** Unfolds the operation that the address names, and goes there. */
  #showTarget() {
    const shown = this.#shown.get(location.hash.slice(1));
    if (shown === undefined) return;
    if (shown.part.hidden) {
      this.#search.value = "";
      this.#filter();
    }
    shown.part.open = true;
    shown.part.scrollIntoView({ block: "start" });
    shown.part.querySelector("summary")?.focus({ preventScroll: true });
  }
}

/** @param {HTMLElement} part */
function wordsOf(part) {
  return `${part.id} ${part.textContent}`.toLowerCase();
}

/** @param {string} body */
function codeOf(body) {
  try {
    return textOf(objectOf(JSON.parse(body)).code);
  } catch {
    return "";
  }
}

/**
 * How one shows who one is, as the document says.
 *
 * @param {unknown} root
 */
function keyWords(root) {
  const schemes = objectOf(objectOf(objectOf(root).components).securitySchemes);
  const names = listOf(objectOf(root).security).flatMap((one) => Object.keys(objectOf(one)));
  return names.flatMap((name) => {
    const { type, scheme, description } = objectOf(Object.hasOwn(schemes, name) ? schemes[name] : null);
    const kind = [textOf(type), textOf(scheme)].filter(Boolean).join(" ");
    return kind === "" ? [] : proseOf(`Key: ${kind}. ${textOf(description)}.`);
  });
}

new ApiPage().open();
