/**
 * The page `/calls/:sid`: what was said and is being said in one call, and what became of it.
 */
import { aimAt, showAim } from "./aim.js";
import { askFirst } from "./ask-first.js";
import { showDetails } from "./call-details.js";
import { CallEvents } from "./call-events.js";
import { CallLines } from "./call-lines.js";
import { CallRecord } from "./call-record.js";
import { CallsClient, Refused, transcriptAddress } from "./calls-client.js";
import { badgesOf } from "./calls-list.js";
import { find, setText } from "./dom.js";
import { Follow } from "./follow.js";
import { Frames } from "./frames.js";
import { partiesOf } from "./live-card.js";
import { LiveLink } from "./live-link.js";
import { Reread } from "./reread.js";
import { TimelineView } from "./timeline-view.js";
import { showTrouble } from "./trouble.js";
import { languageName, lasting, shortTime, wholeTime } from "./when.js";

/** @typedef {import("./calls-client.js").Call} Call */

const TICK_MS = 500;
/** How often deliveries are asked for while some are on the way, ms. */
const DELIVERIES_MS = 3000;

class CallPage {
  #callSid = find("call").dataset.sid ?? "";
  #client = new CallsClient();
  #record = new CallRecord();
  #lines = new CallLines(find("lines"), find("open"));
  #events = new CallEvents(find("events"));
  #timeline = new TimelineView({
    svg: find("timeline"),
    names: find("lanes"),
    scroller: find("time-scroll"),
    zoomIn: find("zoom-in"),
    zoomOut: find("zoom-out"),
  });
  #follow = new Follow(find("end"), find("newest"));
  #frames = new Frames((keys) => this.#draw(keys), requestAnimationFrame.bind(window));
  /** @type {Call | null} */
  #call = null;
  /** @type {LiveLink | null} */
  #link = null;
  #reread = new Reread({ read: () => void this.#read(), page: document, now: () => performance.now() });
  #begun = false;
  #reading = false;
  #readAgain = false;
  #deliveriesAt = Number.NEGATIVE_INFINITY;
  #owed = true;

  open() {
    for (const format of /** @type {const} */ (["txt", "srt", "vtt", "json"])) {
      const link = find(`file-${format}`);
      link.setAttribute("href", transcriptAddress(this.#callSid, format));
      link.setAttribute("download", `${this.#callSid}.${format}`);
    }
    find("timeline").addEventListener("click", aimAt);
    askFirst("resend", () => this.#resend());
    askFirst("delete", () => this.#remove());
    void this.#read();
    setInterval(() => void this.#tick(), TICK_MS);
  }

  /** It has been read for the first time. */
  #begin() {
    this.#begun = true;
    showAim();
    if (!this.#record.ended) this.#watch();
  }

  #watch() {
    this.#link = new LiveLink({
      open: () => new EventSource(`/v1/live?call=${encodeURIComponent(this.#callSid)}`),
      onSnapshot: (calls) => {
        this.#record.partials.clear();
        for (const line of calls[0]?.partials ?? []) this.#record.hear(line);
        this.#frames.mark("partials");
        // What happened meanwhile; a call that is not told of has ended.
        void this.#read();
      },
      onNews: (news) => this.#told(news),
      onState: (state, code) => {
        find("call").dataset.link = state;
        if (code !== null) showTrouble({ code });
      },
      ask: () => this.#client.why(),
      page: document,
      now: () => performance.now(),
    });
    this.#link.tick();
  }

  /** @param {import("./live-calls.js").NewsItem[]} news */
  #told(news) {
    for (const item of news) {
      if (item.type === "transcript.partial") {
        this.#record.hear(/** @type {import("./live-calls.js").Line} */ (item));
        this.#frames.mark("partials");
        continue;
      }
      const event = /** @type {import("./call-record.js").CallEvent} */ (/** @type {unknown} */ (item));
      const outcome = this.#record.add(event);
      if (outcome === "hole" || (outcome === "added" && event.type !== "transcript.final")) void this.#read();
      if (outcome === "added") this.#changed();
    }
  }

  /** Reads what is new; once more afterwards, when asked meanwhile. */
  async #read() {
    if (this.#reading) {
      this.#readAgain = true;
      return;
    }
    this.#reading = true;
    this.#reread.begun();
    do {
      this.#readAgain = false;
      try {
        this.#call = await this.#client.call(this.#callSid);
        for (const event of await this.#client.events(this.#callSid, this.#record.last))
          this.#record.add(event);
        this.#reread.worked();
        showTrouble(null);
        this.#changed();
        if (!this.#begun) this.#begin();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        showTrouble(error, this.#reread.failed(error));
        find("body").hidden = this.#call === null;
      }
    } while (this.#readAgain);
    this.#reading = false;
  }

  #changed() {
    for (const part of ["head", "rows", "partials"]) this.#frames.mark(part);
    this.#owed = true;
  }

  /** @param {Set<string>} parts */
  #draw(parts) {
    const call = this.#call;
    if (call === null) return;
    const record = this.#record;
    this.#follow.before();
    const mediaStartAt = call.mediaStartAt === null ? null : Date.parse(call.mediaStartAt);
    if (parts.has("head")) this.#showHead(call);
    if (parts.has("rows")) {
      this.#lines.show(record.rows, call.tracks, mediaStartAt);
      this.#events.show(record.events);
    }
    this.#lines.hear(record.partials.values());
    find("no-lines").hidden = record.rows.length + record.partials.size > 0;
    const { rows, partials } = record;
    const mediaMs = Math.max(record.mediaMs, call.durationMs);
    this.#timeline.show({ rows, tracks: call.tracks, partials: partials.values(), mediaMs, mediaStartAt });
    this.#follow.after();
    // Only lines that come are read aloud, not those that are there when the page is opened.
    if (!record.ended) requestAnimationFrame(() => find("lines").setAttribute("aria-live", "polite"));
  }

  /** @param {Call} call */
  #showHead(call) {
    find("body").hidden = false;
    setText(find("parties"), partiesOf(call));
    const live = !this.#record.ended && call.status === "live";
    document.title = `${live ? "● " : ""}${partiesOf(call)} · Linescribe`;
    find("badges").replaceChildren(...badgesOf({ ...call, status: live ? "live" : "ended" }));
    const openedAt = Date.parse(call.openedAt);
    const facts = [
      shortTime(openedAt, Date.now()),
      lasting(Math.max(call.durationMs, this.#record.mediaMs)),
      call.languages.map(languageName).join(", "),
      call.tracks.map(({ label }) => label).join(" and "),
    ];
    setText(find("facts"), facts.filter(Boolean).join(" · "));
    find("facts").title = wholeTime(openedAt);
    showDetails(find("details"), call, this.#record);
    this.#follow.live = live;
    /** @type {HTMLButtonElement} */ (find("delete")).disabled = live;
    find("captions").hidden = !live;
    find("captions").setAttribute("href", `/calls/${encodeURIComponent(this.#callSid)}/captions`);
  }

  async #tick() {
    this.#link?.tick();
    this.#reread.tick();
    if (this.#record.ended && this.#link !== null) {
      this.#link.close();
      this.#link = null;
    }
    const now = performance.now();
    if (document.hidden || !this.#owed || this.#call === null || now - this.#deliveriesAt < DELIVERIES_MS)
      return;
    this.#deliveriesAt = now;
    await this.#readDeliveries();
  }

  async #readDeliveries() {
    try {
      const { endpoint, endpointDisabled, deliveries } = await this.#client.deliveries(this.#callSid);
      this.#lines.deliver(deliveries);
      this.#events.deliver(deliveries);
      const count = (/** @type {string} */ wanted) =>
        deliveries.filter(({ state }) => state === wanted).length;
      const [delivered, pending, dead] = ["delivered", "pending", "dead"].map(count);
      const told = `${delivered} delivered, ${pending} on the way, ${dead} not delivered`;
      const disabled = endpointDisabled ? " (it asked for no more)" : "";
      setText(
        find("delivery"),
        endpoint === null ? "Nobody is called back." : `To ${endpoint}${disabled}: ${told}.`,
      );
      find("resend").hidden = endpoint === null;
      /** @type {HTMLButtonElement} */ (find("resend")).disabled =
        deliveries.length === 0 || deliveries.length === pending;
      this.#owed = !this.#record.ended || (pending ?? 0) > 0;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  async #resend() {
    /** @type {HTMLInputElement} */
    const all = find("resend-all");
    const { resent } = await this.#client.resend(
      this.#callSid,
      all.checked ? ["dead", "delivered"] : ["dead"],
    );
    setText(find("said"), resent === 1 ? "One event is sent again." : `${resent} events are sent again.`);
    this.#owed = true;
    this.#deliveriesAt = Number.NEGATIVE_INFINITY;
  }

  async #remove() {
    await this.#client.remove(this.#callSid);
    location.assign("/");
  }
}

new CallPage().open();
