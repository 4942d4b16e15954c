/**
 * The place of the page that says what is wrong: a problem stays until the next start, a hint until it has passed.
 */
import { problemOf } from "./problems.js";

/** Hints, which pass by themselves. */
const HINTS = ["silent", "paused"];

/** @param {string} id */
const find = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

export class Notices {
  #hinted = false;

  /** @param {"silent" | "paused" | null} code - Null: it has passed. */
  hint(code) {
    if (code === null && this.#hinted) this.show(null);
    else if (code !== null) this.show(code);
    this.#hinted = code !== null;
  }

  /** @param {string | null} code - Null: all is well. */
  show(code) {
    this.#hinted = false;
    const section = find("problem");
    section.hidden = code === null;
    if (code === null) return;
    const { title, advice } = problemOf(code);
    section.className = `notice ${HINTS.includes(code) ? "warn" : "bad"}`;
    find("problem-title").textContent = `${title}.`;
    find("problem-advice").textContent = advice;
    find("problem-code").textContent = /^[A-Z_]+$/.test(code) ? code : "";
    find("go-on").hidden = code !== "paused";
    find("log-in").hidden = !code.startsWith("ACCESS_");
  }
}
