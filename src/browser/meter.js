/**
 * Shows how loud the microphone is, and tells when nothing at all is heard.
 */

/** What the meter shows, dB of full scale: below is the noise of a quiet room. */
const FLOOR_DB = -60;
/** Muted microphones give zeros or close to it, dB; and for how long, ms. */
const SILENT_DB = -75;
const SILENT_MS = 4000;
/** How fast the bar falls, dB a second, and how often it is told in words, ms. */
const FALL_DB = 40;
const TELL_MS = 500;

export class Meter {
  #element;
  #onSilent;
  #shownDb = FLOOR_DB;
  #shownAt = 0;
  #toldAt = 0;
  #heardAt = 0;
  #silent = false;

  /**
   * @param {HTMLElement} element
   * @param {(silent: boolean) => void} onSilent
   */
  constructor(element, onSilent) {
    this.#element = element;
    this.#onSilent = onSilent;
  }

  reset() {
    this.#heardAt = performance.now();
    this.#hear(false);
    this.#show(FLOOR_DB, this.#heardAt);
    this.#element.setAttribute("aria-valuetext", "off");
  }

  /** @param {number} peak - 0 to 1. */
  show(peak) {
    const now = performance.now();
    const db = 20 * Math.log10(Math.max(peak, 1e-6));
    if (db > SILENT_DB) this.#heardAt = now;
    this.#hear(now - this.#heardAt >= SILENT_MS);
    const fallenDb = this.#shownDb - (FALL_DB * (now - this.#shownAt)) / 1000;
    this.#show(Math.max(FLOOR_DB, Math.min(0, Math.max(db, fallenDb))), now);
  }

  /** @param {boolean} silent */
  #hear(silent) {
    if (silent === this.#silent) return;
    this.#silent = silent;
    this.#onSilent(silent);
  }

  /**
   * @param {number} db
   * @param {number} now
   */
  #show(db, now) {
    this.#shownDb = db;
    this.#shownAt = now;
    this.#element.style.setProperty("--level", String(1 - db / FLOOR_DB));
    if (now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.#element.setAttribute("aria-valuenow", String(Math.round(db)));
    this.#element.setAttribute("aria-valuetext", `${Math.round(db)} decibels`);
  }
}
