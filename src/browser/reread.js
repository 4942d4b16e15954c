/**
 * Reads again what could not be read: soon, then ever more seldom, and not while nobody looks. What trying again does not
 * help is left.
 */
import { Backoff } from "./backoff.js";

export class Reread {
  #backoff = new Backoff();
  #read;
  #page;
  #now;

  /**
   * @param {object} options
   * @param {() => void} options.read
   * @param {Pick<Document, "hidden">} options.page
   * @param {() => number} options.now - Monotonic ms.
   */
  constructor({ read, page, now }) {
    this.#read = read;
    this.#page = page;
    this.#now = now;
  }

  /** Does what is due; called again and again. */
  tick() {
    if (this.#page.hidden || !this.#backoff.isDue(this.#now())) return;
    this.begun();
    this.#read();
  }

  /** It is being read, whoever wanted it. */
  begun() {
    this.#backoff.clear();
  }

  worked() {
    this.#backoff.clear();
    this.#backoff.reset();
  }

  /**
   * @param {import("./calls-client.js").Refused} refused
   * @returns {boolean} Whether it is tried again.
   */
  failed({ isPassing }) {
    if (isPassing) this.#backoff.schedule(this.#now());
    else this.worked();
    return isPassing;
  }
}
