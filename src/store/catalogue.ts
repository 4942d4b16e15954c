/**
 * The calls as people look for them: newest first, filtered, searched, a page at a time.
 *
 * Pages are in the order of `call.number`, which never changes: a call that was there all along is on exactly one page,
 * whatever comes and goes meanwhile.
 */
import type Database from "better-sqlite3";
import { expectInteger } from "../base/guards.ts";
import type { CallEndReason } from "../transcript/event.ts";
import { type CallFilter, conditionOf } from "./call-filter.ts";
import { CallSearch, type Hit, type Window } from "./call-search.ts";
import type { CallRow, Calls, StoredCall } from "./calls.ts";
import { guardStore } from "./database.ts";
import { searchExpression } from "./search-text.ts";

export interface ListedCall extends StoredCall {
  /** When it became known, epoch ms. */
  openedAt: number;
  endReason: CallEndReason | null;
  finals: number;
  gaps: number;
  /** Of its finals, sorted. */
  languages: string[];
  /** Media received on the longest track, ms. */
  mediaMs: number;
  /** Events that its endpoint is owed, and that were given up. */
  deliveries: { pending: number; dead: number };
}

export interface FoundCall extends ListedCall {
  /** The last `HITS_PER_CALL` of its hits, in sequence. */
  hits: Hit[];
  /** All of them. */
  hitCount: number;
}

export interface Page<T> {
  rows: T[];
  /** Where the next page begins, or null when this is the last one. A page may have fewer rows than asked for. */
  next: number | null;
}

export interface PageQuery extends CallFilter {
  /** Rows at most, 1..200, default 50. */
  limit?: number;
  /** `next` of the page before. */
  before?: number;
}

export const PAGE_ROWS = 50;
export const PAGE_ROWS_MAXIMUM = 200;
/** Calls on a page of a search, whatever was asked for: the hits of each are read and marked. */
const PAGE_FOUND_MAXIMUM = 50;
/** Calls that one page looks through at most, so that no question holds the event loop for long. */
const WINDOW_CALLS = 20_000;

interface ListRow extends CallRow {
  number: number;
  opened_at: number;
  end_reason: CallEndReason | null;
  finals: number;
  gaps: number;
}

/** Every method throws a `LinescribeError` STORE_FULL or STORE_FAILED when it could not do all that it says. */
export class Catalogue {
  readonly #database: Database.Database;
  readonly #calls: Calls;
  readonly #search: CallSearch;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database, calls: Calls) {
    this.#database = database;
    this.#calls = calls;
    this.#search = new CallSearch(database);
    this.#statements = prepare(database);
  }

  get(callSid: string): ListedCall | null {
    return guardStore("read a call", () => {
      const row = this.#statements.get.get(callSid);
      return row === undefined ? null : this.#asListed(row);
    });
  }

  /** Calls and sessions that fit, newest first. */
  list({ limit = PAGE_ROWS, before, ...filter }: PageQuery): Page<ListedCall> {
    expectInteger("limit", limit, 1, PAGE_ROWS_MAXIMUM);
    return guardStore("list calls", () => {
      const window = this.#window(before, filter);
      const condition = conditionOf(filter);
      const rows = this.#database
        .prepare<unknown[], ListRow>(
          `SELECT * FROM call WHERE number >= @low AND number < @high AND ${condition.sql}
           ORDER BY number DESC LIMIT @rows`,
        )
        .all({ ...condition.values, ...window, rows: limit + 1 });
      const page = rows.slice(0, limit);
      const next = rows.length > limit ? (page.at(-1) as ListRow).number : this.#nextWindow(window);
      return { rows: page.map((row) => this.#asListed(row)), next };
    });
  }

  /**
   * Calls that fit and have finals with all that is looked for, newest first, with these finals.
   *
   * @param typed - As people type, see `searchExpression`; a text without a word in it finds nothing.
   * @throws {RangeError} when it has too many words.
   */
  search(typed: string, { limit = PAGE_ROWS, before, ...filter }: PageQuery): Page<FoundCall> {
    expectInteger("limit", limit, 1, PAGE_ROWS_MAXIMUM);
    const expression = searchExpression(typed);
    if (expression === null) return { rows: [], next: null };
    return guardStore("search calls", () => {
      const window = this.#window(before, filter);
      const found = this.#search.find(
        expression,
        window,
        conditionOf(filter),
        Math.min(limit, PAGE_FOUND_MAXIMUM),
      );
      const hits = this.#search.hits(expression, found.calls);
      const rows = [...found.calls].flatMap(([number, { count }]) => {
        const row = this.#statements.numbered.get(number);
        if (row === undefined) return [];
        return [{ ...this.#asListed(row), hits: hits.get(number) ?? [], hitCount: count }];
      });
      return { rows, next: found.more ?? this.#nextWindow(window) };
    });
  }

  /** The numbers that a page looks at: `low` to below `high`. */
  #window(before = Number.MAX_SAFE_INTEGER, { since, until }: CallFilter): Window {
    const { all, opened } = this.#statements;
    const dated = since !== undefined || until !== undefined;
    const bounds = dated
      ? opened.get(since ?? Number.MIN_SAFE_INTEGER, until ?? Number.MAX_SAFE_INTEGER)
      : all.get();
    const first = bounds?.first ?? 0;
    const high = Math.min((bounds?.last ?? 0) + 1, before);
    return { low: Math.max(first, high - WINDOW_CALLS), high, first };
  }

  #nextWindow({ low, first }: Window): number | null {
    return low > first ? low : null;
  }

  #asListed(row: ListRow): ListedCall {
    const { pending, dead } = this.#statements.owed.get(row) as { pending: number; dead: number };
    return {
      ...this.#calls.asStored(row),
      openedAt: row.opened_at,
      endReason: row.end_reason,
      finals: row.finals,
      gaps: row.gaps,
      languages: this.#statements.languages.all(row.call_sid),
      mediaMs: Math.round(this.#statements.media.get(row.call_sid) ?? 0),
      deliveries: { pending, dead },
    };
  }
}

function prepare(database: Database.Database) {
  return {
    get: database.prepare<[string], ListRow>("SELECT * FROM call WHERE call_sid = ?"),
    numbered: database.prepare<[number], ListRow>("SELECT * FROM call WHERE number = ?"),
    // Each alone is the end of an index; both in one are a walk through it.
    all: database.prepare<[], { first: number | null; last: number | null }>(
      "SELECT (SELECT min(number) FROM call) AS first, (SELECT max(number) FROM call) AS last",
    ),
    opened: database.prepare<[number, number], { first: number | null; last: number | null }>(
      "SELECT min(number) AS first, max(number) AS last FROM call WHERE opened_at >= ? AND opened_at < ?",
    ),
    languages: database
      .prepare<[string], string>("SELECT language FROM call_language WHERE call_sid = ? ORDER BY language")
      .pluck(),
    media: database.prepare<[string], number>("SELECT max(media_ms) FROM track WHERE call_sid = ?").pluck(),
    owed: database.prepare<[ListRow], { pending: number; dead: number }>(
      `SELECT
         (SELECT count(*) FROM outbox WHERE state = 'pending' AND endpoint = @endpoint AND call_sid = @call_sid) AS pending,
         (SELECT count(*) FROM outbox WHERE state = 'dead' AND call_sid = @call_sid) AS dead`,
    ),
  };
}
