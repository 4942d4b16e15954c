/**
 * The calls that go on, as cards: the newest first. Cards that cannot be seen are not drawn.
 */
import { element, find, setText } from "./dom.js";
import { Frames } from "./frames.js";
import { LiveCalls } from "./live-calls.js";
import { LiveCard } from "./live-card.js";

/** How long a call that has ended stays, ms. */
const ENDED_MS = 8000;
/** How often durations are drawn, ms. */
const CLOCK_MS = 1000;
/** More calls than these have less room each. */
const MANY_CALLS = 12;
/** With more calls than these, lines are not read aloud. */
const ALOUD_CALLS = 3;

export class LiveBoard {
  #calls = new LiveCalls();
  #list = find("live");
  #empty = find("no-live");
  #count = find("live-count");
  /** @type {Map<string, LiveCard>} */
  #cards = new Map();
  /** @type {WeakMap<Element, string>} */
  #callSids = new WeakMap();
  #frames = new Frames((keys) => this.#draw(keys), requestAnimationFrame.bind(window));
  #seen = new IntersectionObserver((entries) => this.#see(entries), { rootMargin: "200px" });
  #options;

  /**
   * @param {object} options
   * @param {(callSid: string) => void} options.onUnknown - A call of which nobody has told who it is.
   * @param {() => void} options.onEnded - A call has ended.
   */
  constructor(options) {
    this.#options = options;
    setInterval(() => {
      if (!document.hidden) this.#mark(this.#cards.keys());
    }, CLOCK_MS);
  }

  /** @param {import("./live-calls.js").SnapshotCall[]} calls */
  snapshot(calls) {
    this.#mark(this.#calls.snapshot(calls));
    this.#tally();
  }

  /** @param {import("./live-calls.js").NewsItem[]} news */
  news(news) {
    const changed = this.#calls.news(news);
    this.#mark(changed);
    for (const callSid of changed) {
      const call = this.#calls.calls.get(callSid);
      if (call && !call.known && !this.#cards.has(callSid)) this.#options.onUnknown(callSid);
      if (call?.ended) this.#leave(callSid);
    }
    this.#tally();
  }

  /** @param {Parameters<LiveCalls["learn"]>[0]} facts */
  learn(facts) {
    this.#calls.learn(facts);
    this.#mark([facts.callSid]);
  }

  /** @param {string} callSid */
  #leave(callSid) {
    this.#options.onEnded();
    setTimeout(() => {
      if (!this.#calls.calls.get(callSid)?.ended) return;
      this.#calls.forget(callSid);
      this.#mark([callSid]);
      this.#tally();
    }, ENDED_MS);
  }

  /** @param {Iterable<string>} callSids */
  #mark(callSids) {
    for (const callSid of callSids) {
      // What comes or goes moves the others.
      if (this.#cards.has(callSid) !== this.#calls.calls.has(callSid)) this.#frames.see(callSid, true);
      this.#frames.mark(callSid);
    }
  }

  /** @param {Set<string>} keys */
  #draw(keys) {
    const now = Date.now();
    const aloud = this.#calls.calls.size <= ALOUD_CALLS;
    for (const callSid of keys) {
      const call = this.#calls.calls.get(callSid);
      if (call === undefined) this.#remove(callSid);
      else (this.#cards.get(callSid) ?? this.#add(callSid)).show(call, now, aloud);
    }
  }

  /** @param {string} callSid */
  #add(callSid) {
    const card = new LiveCard(callSid);
    this.#cards.set(callSid, card);
    this.#callSids.set(card.element, callSid);
    const item = element("li");
    item.append(card.element);
    this.#list.prepend(item);
    this.#seen.observe(card.element);
    return card;
  }

  /** @param {string} callSid */
  #remove(callSid) {
    const card = this.#cards.get(callSid);
    if (card) this.#seen.unobserve(card.element);
    card?.element.parentElement?.remove();
    this.#cards.delete(callSid);
    this.#frames.forget(callSid);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #see(entries) {
    for (const { target, isIntersecting } of entries) {
      const callSid = this.#callSids.get(target);
      if (callSid !== undefined && this.#cards.has(callSid)) this.#frames.see(callSid, isIntersecting);
    }
  }

  #tally() {
    const count = [...this.#calls.calls.values()].filter(({ ended }) => !ended).length;
    setText(this.#count, String(count));
    document.title = `${count === 0 ? "" : `(${count}) `}Calls · Linescribe`;
    this.#empty.hidden = this.#calls.calls.size > 0;
    this.#list.classList.toggle("many", this.#calls.calls.size > MANY_CALLS);
    this.#list.hidden = this.#calls.calls.size === 0;
  }
}
