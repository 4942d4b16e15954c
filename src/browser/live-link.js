/**
 * The one stream of a page: opened while the page can be seen, closed while it cannot, so that a hidden tab costs nothing.
 *
 * Browsers come back by themselves after a stream that ended; after one that was refused they do not, and tell no reason: a
 * link asks for it, and tries again later unless that is hopeless.
 */
import { Backoff } from "./backoff.js";

/** @typedef {"connecting" | "live" | "lost" | "paused" | "refused"} LinkState */
/**
 * @typedef {object} LiveLinkOptions
 * @property {() => EventSource} open
 * @property {(calls: import("./live-calls.js").SnapshotCall[]) => void} onSnapshot
 * @property {(news: import("./live-calls.js").NewsItem[]) => void} onNews
 * @property {(state: LinkState, code: string | null) => void} onState
 * @property {() => Promise<{ code: string | null, hopeless: boolean } | null>} ask Why it is refused; null: nobody
 *   answers; no code: all is well.
 * @property {Pick<Document, "hidden" | "addEventListener">} page
 * @property {() => number} now Monotonic ms.
 */

/** `EventSource.CLOSED`. */
const CLOSED = 2;
/** How long the page stays hidden before its stream is closed: who looks at another tab for a moment misses nothing, ms. */
const HIDDEN_MS = 1000;

export class LiveLink {
  #options;
  #backoff = new Backoff();
  /** @type {EventSource | null} */
  #source = null;
  /** @type {number | null} */
  #hiddenAt = null;
  #asking = false;
  /** It was refused: the next try is when it is due. */
  #waiting = false;
  #over = false;

  /** @param {LiveLinkOptions} options */
  constructor(options) {
    this.#options = options;
    options.page.addEventListener("visibilitychange", () => this.tick());
  }

  /** Does what is due; called again and again. */
  tick() {
    const { page, now, onState } = this.#options;
    if (this.#over) return;
    if (!page.hidden) {
      this.#hiddenAt = null;
      if (this.#source === null && !this.#asking && this.#isDue()) this.#connect();
      return;
    }
    this.#hiddenAt ??= now();
    if (this.#source === null || now() - this.#hiddenAt < HIDDEN_MS) return;
    this.#drop();
    onState("paused", null);
  }

  /** Ends it for good. */
  close() {
    this.#over = true;
    this.#drop();
  }

  #isDue() {
    return !this.#waiting || this.#backoff.isDue(this.#options.now());
  }

  #connect() {
    const { open, onSnapshot, onNews, onState } = this.#options;
    this.#waiting = false;
    this.#backoff.clear();
    const source = open();
    this.#source = source;
    onState("connecting", null);
    source.addEventListener("snapshot", (event) => {
      this.#backoff.reset();
      onState("live", null);
      onSnapshot(JSON.parse(event.data));
    });
    source.addEventListener("news", (event) => onNews(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      onState("lost", null);
      if (source.readyState !== CLOSED) return;
      this.#drop();
      void this.#wonder();
    });
  }

  /** Why was it refused? */
  async #wonder() {
    const { ask, now, onState } = this.#options;
    this.#asking = true;
    const word = await ask();
    this.#asking = false;
    if (word?.hopeless) {
      this.#over = true;
      onState("refused", word.code);
      return;
    }
    this.#waiting = true;
    this.#backoff.schedule(now());
  }

  #drop() {
    this.#source?.close();
    this.#source = null;
    this.#waiting = false;
  }
}
