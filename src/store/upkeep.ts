/**
 * The outbox as its operator sees it: list, retry, drop, count, prune.
 */
import type Database from "better-sqlite3";
import { expectInteger } from "../base/guards.ts";
import type { EventType } from "../transcript/event.ts";

/** `pending`: owed. `delivered`: accepted by the receiver, until pruned. `dead`: given up, until retried. */
export type OutboxState = "pending" | "delivered" | "dead";

export interface OutboxRow {
  id: number;
  messageId: string;
  type: EventType;
  endpoint: string;
  callSid: string;
  sequence: number;
  state: OutboxState;
  /** The endpoint answered 410: nothing is sent to it until a retry names one of its rows. */
  endpointDisabled: boolean;
  attempts: number;
  queuedAt: number;
  lastAttemptAt: number | null;
  /** When its lane is due, epoch ms; null when the row is not pending. */
  nextAt: number | null;
  lastStatus: number | null;
  lastError: string | null;
  /** At most 1 kB of the last answer. It comes from the receiver, who may echo spoken words: never log it. */
  lastResponse: string | null;
  /** When it was delivered or parked, epoch ms. */
  settledAt: number | null;
}

export interface OutboxQuery {
  /** Default: every state. */
  state?: OutboxState;
  /** Rows at most, 1..1000, default 100. */
  limit?: number;
  /** Only rows with a greater id: the last id of the page before. */
  after?: number;
}

/** `ids`: these rows. `all`: every dead row and every disabled endpoint. `since`: dead rows parked at or after, epoch ms. */
export type OutboxSelection = { ids: readonly number[] } | { all: true } | { since: number };

export interface OutboxCounts {
  pending: number;
  /** Age of the oldest pending row, ms; 0 when there is none. */
  oldestPendingMs: number;
  dead: number;
  disabledEndpoints: number;
}

const LIST_LIMIT = 100;
const LIST_LIMIT_MAXIMUM = 1000;

/** As SQLite gives it, which has no booleans. */
export type RawOutboxRow = Omit<OutboxRow, "endpointDisabled"> & { endpointDisabled: number };

/** The rows of the outbox `o`, for a condition to follow. */
export const OUTBOX_ROWS = `SELECT o.id, e.message_id AS messageId, e.type, o.endpoint, o.call_sid AS callSid,
    o.sequence, o.state, o.endpoint IN (SELECT endpoint FROM disabled_endpoint) AS endpointDisabled,
    o.attempts, o.queued_at AS queuedAt, o.last_attempt_at AS lastAttemptAt,
    CASE o.state WHEN 'pending' THEN l.next_at END AS nextAt,
    o.last_status AS lastStatus, o.last_error AS lastError, o.last_response AS lastResponse,
    o.settled_at AS settledAt
  FROM outbox o JOIN event e ON e.call_sid = o.call_sid AND e.sequence = o.sequence
  LEFT JOIN lane l ON l.endpoint = o.endpoint AND l.call_sid = o.call_sid`;

export function asOutboxRow(row: RawOutboxRow): OutboxRow {
  return { ...row, endpointDisabled: row.endpointDisabled === 1 };
}

/** Makes a row pending again, its lane due at `at`, and its endpoint enabled. */
export function reviving(database: Database.Database) {
  const revive = database.prepare(
    `UPDATE outbox SET state = 'pending', attempts = 0, strikes = 0, queued_at = ?, settled_at = NULL
     WHERE id = ?`,
  );
  const lane = database.prepare(
    `INSERT INTO lane(endpoint, call_sid, next_at) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET next_at = min(next_at, excluded.next_at)`,
  );
  const enable = database.prepare("DELETE FROM disabled_endpoint WHERE endpoint = ?");
  return ({ id, endpoint, callSid }: Pick<OutboxRow, "id" | "endpoint" | "callSid">, at: number): void => {
    revive.run(at, id);
    lane.run(endpoint, callSid, at);
    enable.run(endpoint);
  };
}

export class Upkeep {
  readonly #database: Database.Database;
  readonly #now: () => number;

  constructor(database: Database.Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  list({ state, limit = LIST_LIMIT, after = 0 }: OutboxQuery): OutboxRow[] {
    expectInteger("limit", limit, 1, LIST_LIMIT_MAXIMUM);
    const rows = this.#database
      .prepare<[number, string | null, string | null, number], RawOutboxRow>(
        `${OUTBOX_ROWS} WHERE o.id > ? AND (? IS NULL OR o.state = ?) ORDER BY o.id LIMIT ?`,
      )
      .all(after, state ?? null, state ?? null, limit);
    return rows.map(asOutboxRow);
  }

  /**
   * Makes dead rows pending again and lanes due now, with the ids and bodies that they had. Delivered rows are left
   * alone. An endpoint that was disabled is enabled when one of its rows is chosen.
   *
   * @returns How many rows are now due for a retry.
   */
  retry(selection: OutboxSelection): number {
    return this.#database
      .transaction(() => {
        const rows = this.#choose(selection);
        const at = this.#now();
        const revive = reviving(this.#database);
        for (const row of rows) revive(row, at);
        if ("all" in selection) this.#database.prepare("DELETE FROM disabled_endpoint").run();
        return rows.length;
      })
      .immediate();
  }

  #choose(selection: OutboxSelection): { id: number; endpoint: string; callSid: string }[] {
    const columns = "SELECT id, endpoint, call_sid AS callSid FROM outbox";
    type Chosen = { id: number; endpoint: string; callSid: string };
    if ("ids" in selection) {
      const one = this.#database.prepare<[number], Chosen>(
        `${columns} WHERE id = ? AND state <> 'delivered'`,
      );
      return [...new Set(selection.ids)].map((id) => one.get(id)).filter((row) => row !== undefined);
    }
    return this.#database
      .prepare<[number], Chosen>(`${columns} WHERE state = 'dead' AND settled_at >= ?`)
      .all("since" in selection ? selection.since : Number.MIN_SAFE_INTEGER);
  }

  /**
   * Forgets that rows are owed; their events stay until the call is pruned. A row in flight may still arrive.
   *
   * @returns How many rows there were.
   */
  drop(ids: readonly number[]): number {
    return this.#database
      .transaction(() => {
        const remove = this.#database.prepare<[number], { endpoint: string; callSid: string }>(
          "DELETE FROM outbox WHERE id = ? RETURNING endpoint, call_sid AS callSid",
        );
        const closeLane = this.#database.prepare(
          `DELETE FROM lane WHERE endpoint = ? AND call_sid = ? AND NOT EXISTS (SELECT 1 FROM outbox
             WHERE state = 'pending' AND outbox.endpoint = lane.endpoint AND outbox.call_sid = lane.call_sid)`,
        );
        let dropped = 0;
        for (const id of ids) {
          const row = remove.get(id);
          if (row === undefined) continue;
          closeLane.run(row.endpoint, row.callSid);
          dropped += 1;
        }
        return dropped;
      })
      .immediate();
  }

  counts(): OutboxCounts {
    const count = (sql: string) => this.#database.prepare<[], number | null>(sql).pluck().get() ?? 0;
    const oldestAt = count("SELECT min(queued_at) FROM outbox WHERE state = 'pending'");
    return {
      pending: count("SELECT count(*) FROM outbox WHERE state = 'pending'"),
      oldestPendingMs: oldestAt === 0 ? 0 : Math.max(0, this.#now() - oldestAt),
      dead: count("SELECT count(*) FROM outbox WHERE state = 'dead'"),
      disabledEndpoints: count("SELECT count(*) FROM disabled_endpoint"),
    };
  }

  /**
   * Removes rows delivered before `before` (epoch ms), and calls that ended before it, have an endpoint and owe it
   * nothing any more, with their events. A call that nobody is called back for is kept: the store has its only copy.
   *
   * @param limit - Rows, and as many calls, removed at most, so that one batch holds the event loop for milliseconds only.
   * @returns How many rows and calls were removed; 0 means that nothing is left to prune.
   */
  prune(before: number, limit: number): number {
    const removed = this.#database
      .transaction(() => {
        const rows = this.#database
          .prepare(
            `DELETE FROM outbox WHERE id IN
               (SELECT id FROM outbox WHERE state = 'delivered' AND settled_at < ? LIMIT ?)`,
          )
          .run(before, limit).changes;
        const calls = this.#database
          .prepare(
            `DELETE FROM call WHERE call_sid IN (SELECT call_sid FROM call WHERE ended_at < ? AND endpoint IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.call_sid = call.call_sid) LIMIT ?)`,
          )
          .run(before, limit).changes;
        return rows + calls;
      })
      .immediate();
    if (removed > 0) this.#database.pragma("incremental_vacuum(64)");
    return removed;
  }
}
