/**
 * The page `/`: calls now, and calls past.
 */
import { CallsClient, Refused } from "./calls-client.js";
import { addressOf, FIELDS, filterOf, isEmpty, queryOf } from "./calls-filter.js";
import { CallsList, showSummary } from "./calls-list.js";
import { find, setText } from "./dom.js";
import { fillLanguages } from "./languages.js";
import { LiveBoard } from "./live-board.js";
import { LiveLink } from "./live-link.js";
import { Reread } from "./reread.js";
import { showTrouble } from "./trouble.js";

/** How long typing rests before it is looked for, ms. */
const TYPING_MS = 300;
/** How long a call that ended waits for others before the list is read again, ms. */
const ENDED_MS = 1500;
const TICK_MS = 500;

/** @type {Record<string, { text: string, tone: string }>} */
const STATES = {
  connecting: { text: "Connecting", tone: "" },
  live: { text: "Live", tone: "live" },
  lost: { text: "Reconnecting", tone: "warn" },
  paused: { text: "Paused", tone: "" },
  refused: { text: "Stopped", tone: "bad" },
};

class CallsPage {
  #client = new CallsClient();
  #board = new LiveBoard({
    onUnknown: (callSid) => void this.#lookUp(callSid),
    onEnded: () => {
      clearTimeout(this.#ended);
      this.#ended = setTimeout(() => this.#refresh(), ENDED_MS);
    },
  });
  #list = new CallsList();
  #reread = new Reread({
    read: () => void this.#read(false),
    page: document,
    now: () => performance.now(),
  });
  /** @type {HTMLFormElement} */
  #form = find("filter");
  /** @type {HTMLButtonElement} */
  #more = find("more");
  #filter = filterOf(new URLSearchParams(location.search));
  /** @type {string | null} */
  #cursor = null;
  #asked = new AbortController();
  #typed = 0;
  #ended = 0;

  open() {
    this.#watch();
    /** @type {HTMLSelectElement} */
    const languages = find("language");
    fillLanguages(languages, null);
    languages.options[0]?.remove();
    languages.prepend(new Option("Any", ""));
    this.#fill();
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      this.#search(true);
    };
    this.#form.oninput = (event) => {
      const typing = event.target instanceof HTMLInputElement && event.target.type !== "date";
      clearTimeout(this.#typed);
      this.#typed = setTimeout(() => this.#search(false), typing ? TYPING_MS : 0);
    };
    find("clear").onclick = () => {
      for (const name of FIELDS) this.#field(name).value = "";
      this.#search(true);
      this.#field("q").focus();
    };
    find("filters").onclick = () => this.#unfold(find("filters").getAttribute("aria-expanded") !== "true");
    this.#more.onclick = () => void this.#read(true);
    addEventListener("popstate", () => {
      this.#filter = filterOf(new URLSearchParams(location.search));
      this.#fill();
      void this.#read(false);
    });
    void this.#read(false);
  }

  #watch() {
    const link = new LiveLink({
      open: () => new EventSource("/v1/live"),
      onSnapshot: (calls) => this.#board.snapshot(calls),
      onNews: (news) => this.#board.news(news),
      onState: (state, code) => {
        const { text, tone } = STATES[state] ?? { text: "", tone: "" };
        setText(find("link"), text);
        find("link").className = `badge ${tone}`;
        if (code !== null) showTrouble({ code });
      },
      ask: () => this.#client.why(),
      page: document,
      now: () => performance.now(),
    });
    link.tick();
    setInterval(() => {
      link.tick();
      this.#reread.tick();
    }, TICK_MS);
  }

  /** @param {string} callSid */
  async #lookUp(callSid) {
    try {
      const { from, to, tracks, openedAt } = await this.#client.call(callSid);
      this.#board.learn({ callSid, from, to, tracks, startedAt: Date.parse(openedAt) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  /**
   * @param {typeof FIELDS[number]} name
   * @returns {HTMLInputElement | HTMLSelectElement}
   */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  #fill() {
    for (const name of FIELDS) this.#field(name).value = this.#filter[name];
    if (!isEmpty({ ...this.#filter, q: "" })) this.#unfold(true);
  }

  /** @param {boolean} open - Whether a phone shows all fields; a wide screen always does. */
  #unfold(open) {
    find("filters").setAttribute("aria-expanded", String(open));
  }

  /** @param {boolean} kept - Whether the browser's way back leads here. */
  #search(kept) {
    clearTimeout(this.#typed);
    const typed = filterOf(new URLSearchParams(FIELDS.map((name) => [name, this.#field(name).value])));
    const same = FIELDS.every((name) => typed[name] === this.#filter[name]);
    if (same && !kept) return;
    this.#filter = typed;
    const address = `${location.pathname}${addressOf(typed)}`;
    if (kept && !same) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    void this.#read(false);
  }

  /** Reads the list again where nobody has gone on in it. */
  #refresh() {
    if (this.#list.length <= 50) void this.#read(false);
  }

  /** @param {boolean} on - Whether the next page is added, or the list begins anew. */
  async #read(on) {
    this.#asked.abort();
    const asked = new AbortController();
    this.#asked = asked;
    this.#reread.begun();
    find("past").setAttribute("aria-busy", "true");
    try {
      const query = queryOf(this.#filter, { cursor: on ? this.#cursor : null });
      const { calls, next } = await this.#client.list(query, asked.signal);
      if (!on) this.#list.clear();
      this.#list.add(calls);
      this.#cursor = next;
      this.#reread.worked();
      showTrouble(null);
      this.#summarize();
    } catch (error) {
      if (asked.signal.aborted) return;
      if (!(error instanceof Refused)) throw error;
      // More of the list is asked for by its button.
      showTrouble(error, !on && this.#reread.failed(error));
    } finally {
      if (this.#asked === asked) find("past").setAttribute("aria-busy", "false");
    }
  }

  #summarize() {
    const count = this.#list.length;
    const filtered = !isEmpty(this.#filter);
    this.#more.hidden = this.#cursor === null;
    find("results").hidden = false;
    find("table").hidden = count === 0;
    find("no-calls").hidden = count > 0 || filtered;
    find("not-found").hidden = count > 0 || !filtered;
    find("clear").hidden = !filtered;
    showSummary(count, this.#cursor !== null, filtered);
  }
}

new CallsPage().open();
