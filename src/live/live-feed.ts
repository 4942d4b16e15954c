/**
 * What happens in all calls and sessions right now, for whoever watches: a snapshot first, then what is new.
 *
 * News goes out several times a second in one piece for all watchers, and of a partial only the newest: two hundred calls
 * that speak at once cost as little as a few. A watcher that does not read is told nothing until it does, and then gets a
 * snapshot instead of everything it missed.
 */
import type { Counters } from "../base/counters.ts";
import type { StoredCall } from "../store/calls.ts";
import type { CallEvent } from "../transcript/event.ts";
import type { TranscriptPartial } from "../transcript/partial.ts";
import { factsOf, LiveCall, type LiveCallState } from "./live-call.ts";

/** What a watcher is told at once. */
export type LiveNews = (CallEvent | TranscriptPartial)[];

export interface Watcher {
  /** The one call that is watched; null: all. */
  callSid: string | null;
  /** Whether it has read what it was sent. */
  ready(): boolean;
  /** Everything that goes on: replaces what it was told before. */
  snapshot(calls: LiveCallState[]): void;
  news(news: LiveNews): void;
}

export interface LiveFeedOptions {
  lookup: (callSid: string) => StoredCall | null;
  /** Receives `live.watched`, `live.behind`, `live.events.dropped` and `live.unknown`. */
  counters: Counters;
  /** Runs a task at an interval until the returned function is called. */
  every?: (intervalMs: number, task: () => void) => () => void;
}

/** Ten times a second looks like at once. */
const TICK_MS = 100;
/** Events between two ticks; when there are more, watchers get a snapshot instead. */
const EVENTS_MAXIMUM = 2000;

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #calls = new Map<string, LiveCall>();
  /** Watchers, and whether they have to be told everything. */
  readonly #watchers = new Map<Watcher, { behind: boolean }>();
  #events: CallEvent[] = [];
  /** By call and track. */
  #partials = new Map<string, TranscriptPartial>();
  #stop: (() => void) | null = null;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  /** Calls and sessions that go on. */
  get active(): number {
    return this.#calls.size;
  }

  /** Who watches. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** An event was committed. */
  event(event: CallEvent): void {
    const call = this.#callOf(event.callSid);
    call?.event(event);
    if (event.type === "call.ended") this.#calls.delete(event.callSid);
    if (this.#watchers.size === 0) return;
    if (event.type === "transcript.final") this.#forgetPartial(event);
    if (this.#events.length >= EVENTS_MAXIMUM) this.#dropEvents();
    this.#events.push(event);
  }

  partial(partial: TranscriptPartial): void {
    this.#callOf(partial.callSid)?.partial(partial);
    if (this.#watchers.size > 0) this.#partials.set(keyOf(partial), partial);
  }

  /** Tells a watcher from now on, a snapshot first; returns what ends that. */
  watch(watcher: Watcher): () => void {
    const { counters, every = everyInterval } = this.#options;
    counters.add("live.watched");
    this.#stop ??= every(TICK_MS, () => this.#tick());
    // What waits for the next tick is in the snapshot; telling it again would be harmless, but not all of it is.
    this.#tick();
    this.#watchers.set(watcher, { behind: false });
    watcher.snapshot(this.#snapshot(watcher));
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size > 0) return;
      this.#stop?.();
      this.#stop = null;
      this.#events = [];
      this.#partials.clear();
    };
  }

  #tick(): void {
    const news: LiveNews = [...this.#events, ...this.#partials.values()];
    this.#events = [];
    this.#partials.clear();
    for (const [watcher, state] of this.#watchers) this.#tell(watcher, state, news);
  }

  #tell(watcher: Watcher, state: { behind: boolean }, news: LiveNews): void {
    const { callSid } = watcher;
    const wanted = callSid === null ? news : news.filter((each) => each.callSid === callSid);
    if (watcher.ready()) {
      if (state.behind) watcher.snapshot(this.#snapshot(watcher));
      else if (wanted.length > 0) watcher.news(wanted);
      state.behind = false;
    } else if (wanted.length > 0 && !state.behind) {
      this.#options.counters.add("live.behind");
      state.behind = true;
    }
  }

  #snapshot({ callSid }: Watcher): LiveCallState[] {
    const calls = [...this.#calls].filter(([id]) => callSid === null || callSid === id);
    return calls.map(([, call]) => call.state());
  }

  /** Calls that an earlier run began are looked up when they are heard of. */
  #callOf(callSid: string): LiveCall | null {
    const known = this.#calls.get(callSid);
    if (known) return known;
    const stored = this.#lookup(callSid);
    if (stored === null || stored.endedAt !== null) return null;
    const call = new LiveCall(factsOf(stored));
    this.#calls.set(callSid, call);
    return call;
  }

  /** Nobody's call may fail because nobody can watch it. */
  #lookup(callSid: string): StoredCall | null {
    try {
      return this.#options.lookup(callSid);
    } catch {
      this.#options.counters.add("live.unknown");
      return null;
    }
  }

  #dropEvents(): void {
    this.#options.counters.add("live.events.dropped", this.#events.length);
    this.#events = [];
    for (const state of this.#watchers.values()) state.behind = true;
  }

  /** A final has replaced it. */
  #forgetPartial(final: Extract<CallEvent, { type: "transcript.final" }>): void {
    const key = keyOf(final);
    const open = this.#partials.get(key);
    if (open && open.utterance <= final.utterance) this.#partials.delete(key);
  }
}

function keyOf({ callSid, track }: Pick<TranscriptPartial, "callSid" | "track">): string {
  return `${callSid} ${track}`;
}

function everyInterval(intervalMs: number, task: () => void): () => void {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
