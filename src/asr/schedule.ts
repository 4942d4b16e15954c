/**
 * The order in which waiting utterances are recognised. Pure: it knows what waits, not who works.
 *
 * Finals go before speculative finals, those before partials, and files come last. Within a priority sources take turns by the audio
 * that they had recognised (start-time fair queueing, Goyal et al. 1996, with a credit), so that neither a caller who never pauses nor
 * a client that floods keeps others waiting; equal sources are served in the order in which they came.
 */
import type { Counters } from "../base/counters.ts";
import { type BatchRules, widthOf } from "./batch-rules.ts";

/** Highest first. */
export const PRIORITIES = ["final", "speculative", "partial", "file"] as const;
/**
 * - `final`: will be delivered; never dropped.
 * - `speculative`: becomes the final if speech does not resume; given up when it does.
 * - `partial`: shows what is being said; the next one of its source takes its place.
 * - `file`: of a recording that nobody speaks while it is recognised; waits for everything live, and is never dropped.
 */
export type Priority = (typeof PRIORITIES)[number];

/** What the order depends on. */
export interface Scheduled {
  priority: Priority;
  /** Who is served, for example one track of a call. */
  source: string;
  /** Rows of one batch share it. */
  language: string;
  /** Rows of one batch share it: the same list, not an equal one. */
  hints: readonly string[];
  /** Samples that the encoder will see. */
  windowSamples: number;
  /** It shares no batch: a worker was lost over it. */
  alone: boolean;
  /** It is for processors, whoever else serves; it does not change while it waits. Default false. */
  offCards?: boolean;
}

export interface ScheduleOptions {
  /** How many may wait, per priority; one more is refused. */
  maximum: Readonly<Record<Priority, number>>;
  /** Receives `asr.finals.`, `asr.speculative.`, `asr.partials.` and `asr.files.` `added`, `refused` and `superseded`. */
  counters: Counters;
}

/**
 * Audio by which a source may be ahead of the others before it has to wait for them, in samples: 20 s, an utterance of
 * the greatest length. Without it, whoever has just said much would be overtaken by everybody at every utterance.
 */
const CREDIT_SAMPLES = 20 * 16_000;

const NAMES: Readonly<Record<Priority, string>> = {
  final: "asr.finals",
  speculative: "asr.speculative",
  partial: "asr.partials",
  file: "asr.files",
};

interface Entry<T> {
  item: T;
  /** Virtual time at which its turn begins, in samples of service. */
  turn: number;
  /** Breaks ties: first come, first served. */
  arrival: number;
}

export class Schedule<T extends Scheduled> {
  readonly #options: ScheduleOptions;
  readonly #waiting: Record<Priority, Entry<T>[]> = {
    final: [],
    speculative: [],
    partial: [],
    file: [],
  };
  /** The partial of each source that has one waiting. */
  readonly #partials = new Map<string, Entry<T>>();
  /** Those that are for processors: as a rule none, which is known without looking through the queue. */
  readonly #offCards = new Set<T>();
  /** What each source was given and has waiting, on the scale of turns, if more than now. */
  readonly #given = new Map<string, number>();
  /** The turn of what was taken last. */
  #now = 0;
  #arrivals = 0;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** How many wait, in all. */
  get length(): number {
    return PRIORITIES.reduce((sum, priority) => sum + this.#waiting[priority].length, 0);
  }

  /** How many of them are live. */
  get live(): number {
    return this.length - this.#waiting.file.length;
  }

  /** How many are for processors, whoever else serves. */
  get offCards(): number {
    return this.#offCards.size;
  }

  /** What waits with a priority, in no order. */
  waiting(priority: Priority): T[] {
    return this.#waiting[priority].map(({ item }) => item);
  }

  /**
   * Takes an item in. A partial takes the place, and the turn, of the one of its source that still waits.
   *
   * @returns The partial that was superseded, null when none was, or `refused` when the queue is full.
   */
  add(item: T): T | null | "refused" {
    const { maximum, counters } = this.#options;
    const { priority, source } = item;
    const queue = this.#waiting[priority];
    if (priority === "partial") {
      const entry = this.#partials.get(source);
      if (entry) {
        const superseded = entry.item;
        entry.item = item;
        this.#offCards.delete(superseded);
        if (item.offCards) this.#offCards.add(item);
        counters.add(`${NAMES.partial}.superseded`);
        return superseded;
      }
    }
    if (queue.length >= maximum[priority]) {
      counters.add(`${NAMES[priority]}.refused`);
      return "refused";
    }
    counters.add(`${NAMES[priority]}.added`);
    const given = Math.max(this.#now, this.#given.get(source) ?? 0);
    this.#given.set(source, given + item.windowSamples);
    const turn = Math.max(this.#now, given - CREDIT_SAMPLES);
    this.#arrivals += 1;
    this.#wait({ item, turn, arrival: this.#arrivals });
    return null;
  }

  /** Puts back what was taken and has to be tried again: it is next. */
  putBack(item: T): void {
    this.#wait({ item, turn: -Infinity, arrival: -this.#arrivals });
    this.#arrivals += 1;
  }

  /** Takes an item out; whether it was waiting. */
  remove(item: T): boolean {
    const entry = this.#waiting[item.priority].find((waiting) => waiting.item === item);
    if (!entry) return false;
    this.#leave([entry]);
    // What it was not given, its source may have another time.
    const given = this.#given.get(item.source);
    if (given !== undefined) this.#given.set(item.source, given - item.windowSamples);
    return true;
  }

  /**
   * What one worker should do next: the first in order and those after it of the same priority, language and hints that
   * fit by the rules.
   *
   * @param rows - At most; as many as the rules allow by default.
   * @param accepts - Whether the worker may have an item; what it may not have stays.
   */
  take(
    rules: BatchRules,
    { rows = rules.rows, accepts = () => true }: { rows?: number; accepts?: (item: T) => boolean } = {},
  ): T[] {
    for (const priority of PRIORITIES) {
      const queue = this.#inOrder(priority, accepts);
      const [first] = queue;
      if (!first) continue;
      if (rules.mixed && priority === "final") queue.push(...this.#inOrder("speculative", accepts));
      const batch = first.item.alone ? [first] : batchOf(queue, rules, rows);
      this.#now = Math.max(this.#now, first.turn);
      this.#leave(batch);
      for (const [source, given] of this.#given) if (given <= this.#now) this.#given.delete(source);
      return batch.map(({ item }) => item);
    }
    return [];
  }

  #wait(entry: Entry<T>): void {
    const { priority, source, offCards } = entry.item;
    this.#waiting[priority].push(entry);
    if (offCards) this.#offCards.add(entry.item);
    if (priority === "partial") this.#partials.set(source, entry);
  }

  #leave(entries: readonly Entry<T>[]): void {
    const leaving = new Set(entries);
    for (const priority of new Set(entries.map(({ item }) => item.priority))) {
      this.#waiting[priority] = this.#waiting[priority].filter((entry) => !leaving.has(entry));
    }
    for (const entry of entries) {
      const { source } = entry.item;
      this.#offCards.delete(entry.item);
      if (this.#partials.get(source) === entry) this.#partials.delete(source);
    }
  }

  #inOrder(priority: Priority, accepts: (item: T) => boolean): Entry<T>[] {
    return this.#waiting[priority]
      .filter(({ item }) => accepts(item))
      .sort((a, b) => a.turn - b.turn || a.arrival - b.arrival);
  }

  /** Takes out everything, or what is chosen. */
  drain(chosen: (item: T) => boolean = () => true): T[] {
    const drained = PRIORITIES.flatMap((priority) => this.#waiting[priority]).filter(({ item }) =>
      chosen(item),
    );
    this.#leave(drained);
    return drained.map(({ item }) => item);
  }
}

/** The first entry and those behind it that can share its inference. */
function batchOf<T extends Scheduled>(
  queue: readonly Entry<T>[],
  rules: BatchRules,
  rows: number,
): Entry<T>[] {
  const [first] = queue as [Entry<T>];
  const batch = [first];
  let longest = first.item.windowSamples;
  let used = longest;
  for (const entry of queue.slice(1)) {
    if (batch.length >= rows) break;
    if (!isAlike(entry.item, first.item)) continue;
    const { windowSamples } = entry.item;
    const width = Math.max(longest, windowSamples);
    const count = batch.length + 1;
    if (widthOf(width, rules) * count > rules.paddedSamples) continue;
    if (width * count - used - windowSamples > rules.wasteShare * width * count) continue;
    batch.push(entry);
    longest = width;
    used += windowSamples;
  }
  return batch;
}

/** Whether one inference can do both. */
function isAlike(item: Scheduled, first: Scheduled): boolean {
  return !item.alone && item.language === first.language && item.hints === first.hints;
}
