/**
 * The audio of a link and how far it has come: said, sent, taken by the server, told as a line.
 *
 * Positions count samples since the link began, also over several sessions of the server; times of the page are ms since
 * then, those of a session since its own first sample.
 */
import { KeptAudio } from "./kept-audio.js";

/** Half a minute without a connection, what was on its way, and what it takes to notice, ms. */
const KEPT_MS = 45_000;

/** @typedef {{ startMs: number, endMs: number }} Period */

export class LinkAudio {
  #rateHz;
  #kept;
  /** Where the session began. */
  #origin = 0;
  /** What the server has. */
  #taken = 0;
  /** What was handed to the socket. */
  #sent = 0;
  /** What has its line, or its gap. */
  #settled = 0;
  #addedAt = 0;

  /** @param {number} rateHz */
  constructor(rateHz) {
    this.#rateHz = rateHz;
    this.#kept = new KeptAudio(this.#samplesOf(KEPT_MS));
  }

  /** Everything that was said, ms. */
  get durationMs() {
    return this.#msOf(this.#kept.end);
  }

  /** What the server does not have yet, ms. */
  get behindMs() {
    return this.#msOf(this.#kept.end - this.#taken);
  }

  /** Whether the server has something to acknowledge. */
  get underWay() {
    return this.#sent > this.#taken;
  }

  get allSent() {
    return this.#sent >= this.#kept.end;
  }

  get allSettled() {
    return this.#settled >= this.#kept.end;
  }

  /**
   * @param {Int16Array} samples - Kept; the caller must not change it any more.
   * @param {number} now - Monotonic ms.
   */
  add(samples, now) {
    this.#kept.add(samples);
    this.#addedAt = now;
  }

  /**
   * A new session: it begins where the last line ended, or with the oldest that is kept.
   *
   * @returns {Period | null} What neither a line nor the server has, and is not kept any more.
   */
  begin() {
    const heard = Math.max(this.#settled, this.#taken);
    this.#origin = Math.max(this.#settled, this.#kept.start);
    return this.#period(heard, this.#origin);
  }

  /**
   * The session says what it has: the next sample is the one after that.
   *
   * @param {number} samples - Of the session.
   */
  goOn(samples) {
    this.#taken = this.#origin + samples;
    this.#sent = this.#taken;
  }

  /** @param {number} samples - Of the session. */
  acknowledge(samples) {
    this.#taken = this.#origin + samples;
  }

  /**
   * The samples that are to be sent next; they count as sent.
   *
   * @param {number} maximumMs
   * @returns {{ samples: Int16Array, missing: Period | null }} Silence stands for what is missing.
   */
  next(maximumMs) {
    const { samples, dropped } = this.#kept.read(this.#sent, this.#samplesOf(maximumMs));
    const missing = this.#period(this.#sent, this.#sent + dropped);
    this.#sent += samples.length;
    return { samples, missing };
  }

  /** @param {number} endMs - Of the page: up to there everything has its line. */
  settle(endMs) {
    this.#settled = Math.max(this.#settled, this.#samplesOf(endMs));
  }

  /** The session ended: what the server took has its line, or never had a word. */
  settleTaken() {
    this.#settled = Math.max(this.#settled, this.#taken);
  }

  /** @param {number} endMs - Of the page. */
  isSettled(endMs) {
    return this.#samplesOf(endMs) <= this.#settled;
  }

  /** @param {number} ms - Of the session. */
  pageMs(ms) {
    return this.#msOf(this.#origin) + ms;
  }

  /**
   * How long ago something was said: the newest sample came when it was added, and the others before it.
   *
   * @param {number} ms - Of the page.
   * @param {number} now - Monotonic ms.
   */
  agoMs(ms, now) {
    return now - this.#addedAt + Math.max(0, this.durationMs - ms);
  }

  /**
   * @param {number} from
   * @param {number} to
   * @returns {Period | null}
   */
  #period(from, to) {
    return to > from ? { startMs: this.#msOf(from), endMs: this.#msOf(to) } : null;
  }

  /** @param {number} samples */
  #msOf(samples) {
    return (samples * 1000) / this.#rateHz;
  }

  /** @param {number} ms */
  #samplesOf(ms) {
    return Math.round((ms * this.#rateHz) / 1000);
  }
}
