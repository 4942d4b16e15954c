/**
 * Search in the full-text index: which calls have finals with all that is looked for, and where in them it is.
 */
import type Database from "better-sqlite3";
import type { Track } from "../transcript/event.ts";
import type { Condition } from "./call-filter.ts";
import { type Excerpt, excerptOf } from "./search-text.ts";
import { MARK_END, MARK_START, marksIn, placeOfSpoken, SEQUENCES, spokenId } from "./spoken.ts";

/** A final in which everything was found that was looked for. */
export interface Hit extends Excerpt {
  sequence: number;
  track: Track;
  label: string;
  startMs: number;
  endMs: number;
  language: string;
}

/** Hits of one call that a page shows. */
export const HITS_PER_CALL = 5;

/** Numbers of calls from `low` to below `high`; `first` is the lowest that any page may look at. */
export interface Window {
  low: number;
  high: number;
  first: number;
}

/** Hits of each call: row ids, the last ones first, and how many there are. */
export interface Found {
  calls: Map<number, { ids: number[]; count: number }>;
  /** Where the next page begins, or null when nothing in the window follows. */
  more: number | null;
}

// Numbers are bound as doubles, and the index skips to whole numbers only.
const BETWEEN_IDS = "AND rowid >= CAST(@lowest AS INTEGER) AND rowid <= CAST(@highest AS INTEGER)";

/** A page ends with the call in which it has come upon so many hits: each is counted, and takes time. */
const PAGE_HITS = 5000;

/** So many calls that fit are looked into one by one, instead of all that is found being held against them. */
const FEW_CALLS = 50;

export class CallSearch {
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** Row ids of hits by call, newest call first; `more` when another call follows. All hits of each are counted. */
  find(expression: string, window: Window, condition: Condition, limit: number): Found {
    const calls: Found["calls"] = new Map();
    let last: number | null = null;
    let looked = 0;
    for (const id of this.#ids(expression, window, condition)) {
      const { number } = placeOfSpoken(id);
      const call = calls.get(number);
      const full = calls.size === limit || looked >= PAGE_HITS;
      if (call === undefined && full) return { calls, more: last };
      looked += 1;
      if (call === undefined) calls.set(number, { ids: [id], count: 1 });
      else {
        call.count += 1;
        if (call.ids.length < HITS_PER_CALL) call.ids.push(id);
      }
      last = number;
    }
    return { calls, more: null };
  }

  /** @param calls - Row ids of each, the last ones first, as calls are. */
  #marked(expression: string, calls: readonly number[][]): { id: number; marked: string }[] {
    // One by one: all at once would be a walk through every hit between the first and the last of them.
    return calls.flatMap((ids) => {
      const [highest, lowest] = [ids[0] as number, ids.at(-1) as number];
      return this.#statements.marked.all({ expression, lowest, highest, ids: JSON.stringify(ids) });
    });
  }

  /** Row ids of hits, the last ones first. */
  *#ids(expression: string, window: Window, { sql, values }: Condition): Generator<number> {
    const { low, high } = window;
    const numbers = `SELECT number FROM call WHERE number >= @low AND number < @high AND ${sql}`;
    const fit = { ...values, low, high };
    if (sql !== "TRUE") {
      const few = this.#database
        .prepare<unknown[], number>(`${numbers} ORDER BY number DESC LIMIT ${FEW_CALLS + 1}`)
        .pluck()
        .all(fit);
      if (few.length <= FEW_CALLS) {
        for (const number of few) yield* this.#walk(expression, { low: number, high: number + 1 });
        return;
      }
    }
    const filter = sql === "TRUE" ? null : `AND rowid / ${SEQUENCES} IN (${numbers})`;
    yield* this.#walk(expression, window, filter === null ? undefined : { filter, values: fit });
  }

  #walk(
    expression: string,
    { low, high }: Pick<Window, "low" | "high">,
    { filter, values }: { filter: string; values: object } = { filter: "", values: {} },
  ): IterableIterator<number> {
    return this.#database
      .prepare<unknown[], number>(
        `SELECT rowid FROM spoken WHERE spoken MATCH @expression ${BETWEEN_IDS} ${filter} ORDER BY rowid DESC`,
      )
      .pluck()
      .iterate({ ...values, expression, lowest: spokenId(low, 0), highest: spokenId(high, 0) - 1 });
  }

  /** The finals of row ids, by call, in sequence. */
  hits(expression: string, found: Found["calls"]): Map<number, Hit[]> {
    const hits = new Map<number, Hit[]>();
    for (const { id, marked } of this.#marked(
      expression,
      [...found.values()].map(({ ids }) => ids),
    )) {
      const { number, sequence } = placeOfSpoken(id);
      const body = this.#statements.body.get(number, sequence);
      if (body === undefined) continue;
      const { data } = JSON.parse(body) as { data: Omit<Hit, keyof Excerpt> & { text: string } };
      const { track, label, startMs, endMs, language, text } = data;
      const hit = {
        sequence,
        track,
        label,
        startMs,
        endMs,
        language,
        ...excerptOf(text, marksIn(text, marked)),
      };
      const list = hits.get(number);
      if (list) list.push(hit);
      else hits.set(number, [hit]);
    }
    return hits;
  }
}

function prepare(database: Database.Database) {
  return {
    // The sign keeps SQLite from asking the index for each row by itself.
    marked: database.prepare<
      [{ expression: string; lowest: number; highest: number; ids: string }],
      { id: number; marked: string }
    >(
      `SELECT rowid AS id, highlight(spoken, 0, '${MARK_START}', '${MARK_END}') AS marked FROM spoken
       WHERE spoken MATCH @expression ${BETWEEN_IDS} AND +rowid IN (SELECT value FROM json_each(@ids)) ORDER BY rowid`,
    ),
    body: database
      .prepare<[number, number], string>(
        `SELECT body FROM event WHERE call_sid = (SELECT call_sid FROM call WHERE number = ?) AND sequence = ?`,
      )
      .pluck(),
  };
}
