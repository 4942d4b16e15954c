/**
 * Callbacks that callers of the API asked for: what is owed to their URLs, in order for each request.
 *
 * Only the head of a request, its oldest open row, has a time at which it is due. Nothing is written when a row is taken:
 * a process that dies leaves every row as it was, due again at once. What was delivered is deleted with its content; of
 * what was given up only the facts stay.
 */
import type Database from "better-sqlite3";
import { guardStore } from "./database.ts";

export interface NewCallback {
  /** Of the request or session that it answers; later ones of the same request wait for it. */
  requestId: string;
  /** Whose it is; null: the machine's own, where no key exists. */
  keyId: string | null;
  url: string;
  method: "POST" | "PUT";
  body: string;
}

/** What may be owed at most. */
export interface CallbackBounds {
  rows: number;
  rowsPerKey: number;
  bytes: number;
  bytesPerKey: number;
}

/** A row that is due, without its body, which may be large. */
export interface CallbackHead extends Omit<NewCallback, "body"> {
  id: number;
  /** Scheme, host and port of the URL. */
  origin: string;
  attempts: number;
  /** Epoch ms. */
  createdAt: number;
  /** Whether the receiver let an earlier row of the request die, and took none since. */
  doubted: boolean;
}

export interface CallbackSettlement {
  head: Pick<CallbackHead, "id" | "requestId">;
  /** `delivered`: done. `retry`: again at `nextAt`. `dead`: given up, the next of the request is due. */
  outcome: "delivered" | "retry" | "dead";
  /** When the attempt ended, epoch ms. */
  at: number;
  nextAt: number;
  /** HTTP status, or null when there was no answer. */
  status: number | null;
  /** A code, or null when nothing went wrong. */
  error: string | null;
}

/** A row as its operator sees it. */
export interface CallbackRow {
  id: number;
  requestId: string;
  keyId: string | null;
  /** Of the URL; the rest may hold secrets of the caller. */
  origin: string;
  /** `promised`: its result is not there yet. */
  state: "promised" | "pending" | "dead";
  attempts: number;
  createdAt: number;
  lastStatus: number | null;
  lastError: string | null;
}

/** Rows that were given up and are kept to be looked at, at most. */
const DEAD_ROWS = 10_000;

/** Every method throws a `LinescribeError` STORE_FULL or STORE_FAILED when it could not do all that it says. */
export class Callbacks {
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Database.Database) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /**
   * Keeps a callback, durably. One that is `promised` has no result yet: `body` is what is sent if there never will be.
   *
   * @returns Its id, or null when that would be more than the bounds.
   */
  add(
    callback: NewCallback,
    state: "promised" | "pending",
    bounds: CallbackBounds,
    at: number,
  ): number | null {
    const { requestId, keyId, url, method, body } = callback;
    const bytes = Buffer.byteLength(body);
    return this.#write("keep a callback", () => {
      const owed = this.#statements.owed.get(keyId, keyId) as Owed;
      if (owed.rows >= bounds.rows || owed.rowsOfKey >= bounds.rowsPerKey) return null;
      if (owed.bytes + bytes > bounds.bytes || owed.bytesOfKey + bytes > bounds.bytesPerKey) return null;
      const origin = new URL(url).origin;
      const { lastInsertRowid } = this.#statements.add.run({
        requestId,
        keyId,
        url,
        origin,
        method,
        body,
        bytes,
        state,
        at,
      });
      this.#statements.moveOn.run(at, requestId);
      return Number(lastInsertRowid);
    });
  }

  /** Gives a promised callback its result, which is due now. */
  fulfil(id: number, body: string, at: number): void {
    this.#write("keep the result of a callback", () => {
      const requestId = this.#statements.fulfil.get(body, Buffer.byteLength(body), id);
      if (requestId !== undefined) this.#statements.moveOn.run(at, requestId);
    });
  }

  /** Callbacks that an earlier process promised and cannot fulfil any more: what they have is due. @returns How many. */
  release(at: number): number {
    return this.#write("take up callbacks", () => {
      const requests = this.#statements.release.all();
      for (const requestId of requests) this.#statements.moveOn.run(at, requestId);
      return requests.length;
    });
  }

  /** Rows that are due, longest due first, at most `limit`. @param exceptOrigins - Receivers that are busy. */
  due(now: number, limit: number, exceptOrigins: readonly string[]): CallbackHead[] {
    const rows = guardStore("read callbacks", () =>
      this.#statements.due.all(now, JSON.stringify(exceptOrigins), limit),
    );
    return rows.map((row) => ({ ...row, doubted: row.doubted === 1 }));
  }

  /** What is sent for a row, or null when nothing is owed of it any more. */
  body(id: number): string | null {
    return guardStore("read a callback", () => this.#statements.body.get(id) ?? null);
  }

  /** When the next row is due after `now`, epoch ms, or null. */
  nextDue(now: number): number | null {
    return guardStore("read callbacks", () => this.#statements.nextDue.get(now) ?? null);
  }

  /** Records what became of attempts, all in one transaction. */
  settle(settlements: readonly CallbackSettlement[]): void {
    if (settlements.length === 0) return;
    this.#write("record callbacks", () => {
      for (const settlement of settlements) this.#settle(settlement);
    });
  }

  #settle({ head: { id, requestId }, outcome, at, nextAt, status, error }: CallbackSettlement): void {
    if (outcome === "retry") {
      this.#statements.retry.run(nextAt, status, error, id);
      return;
    }
    if (outcome === "delivered") this.#statements.remove.run(id);
    else this.#statements.giveUp.run(at, status, error, id);
    this.#statements.doubt.run(outcome === "dead" ? 1 : 0, requestId);
    this.#statements.moveOn.run(at, requestId);
  }

  /** Removes what was given up before `before` (epoch ms), and the oldest of very many. @returns How many, at most `limit`. */
  prune(before: number, limit: number): number {
    return this.#write("prune callbacks", () => this.#statements.prune.run(before, DEAD_ROWS, limit).changes);
  }

  /** In the order in which they came, after the row `after`. */
  list({ after = 0, limit = 100 }: { after?: number; limit?: number } = {}): CallbackRow[] {
    return guardStore("list callbacks", () => this.#statements.list.all(after, limit));
  }

  #write<T>(what: string, work: () => T): T {
    return guardStore(what, () => this.#database.transaction(work).immediate());
  }
}

interface Owed {
  rows: number;
  bytes: number;
  rowsOfKey: number;
  bytesOfKey: number;
}

type NewRow = NewCallback & { origin: string; bytes: number; state: string; at: number };

function prepare(database: Database.Database) {
  return {
    owed: database.prepare<[string | null, string | null], Owed>(
      `SELECT count(*) AS rows, CAST(total(bytes) AS INTEGER) AS bytes, count(*) FILTER (WHERE key_id IS ?) AS rowsOfKey,
         CAST(total(bytes) FILTER (WHERE key_id IS ?) AS INTEGER) AS bytesOfKey FROM callback WHERE state <> 'dead'`,
    ),
    add: database.prepare<[NewRow]>(
      `INSERT INTO callback(request_id, key_id, url, origin, method, body, bytes, state, created_at, doubted)
       VALUES (@requestId, @keyId, @url, @origin, @method, @body, @bytes, @state, @at,
         EXISTS (SELECT 1 FROM callback WHERE request_id = @requestId AND doubted = 1))`,
    ),
    fulfil: database
      .prepare<[string, number, number], string>(
        `UPDATE callback SET state = 'pending', body = ?, bytes = ? WHERE id = ? AND state = 'promised'
         RETURNING request_id`,
      )
      .pluck(),
    release: database
      .prepare<[], string>(
        "UPDATE callback SET state = 'pending' WHERE state = 'promised' RETURNING request_id",
      )
      .pluck(),
    due: database.prepare<[number, string, number], Omit<CallbackHead, "doubted"> & { doubted: number }>(
      `SELECT id, request_id AS requestId, key_id AS keyId, url, origin, method, attempts, doubted,
         created_at AS createdAt FROM callback
       WHERE state = 'pending' AND next_at <= ? AND origin NOT IN (SELECT value FROM json_each(?))
       ORDER BY next_at, id LIMIT ?`,
    ),
    body: database
      .prepare<[number], string | null>("SELECT body FROM callback WHERE id = ? AND state = 'pending'")
      .pluck(),
    nextDue: database
      .prepare<[number], number | null>(
        "SELECT min(next_at) FROM callback WHERE state = 'pending' AND next_at > ?",
      )
      .pluck(),
    retry: database.prepare<[number, number | null, string | null, number]>(
      `UPDATE callback SET attempts = attempts + 1, next_at = ?, last_status = ?, last_error = ?
       WHERE id = ? AND state = 'pending'`,
    ),
    remove: database.prepare<[number]>("DELETE FROM callback WHERE id = ?"),
    giveUp: database.prepare<[number, number | null, string | null, number]>(
      `UPDATE callback SET attempts = attempts + 1, state = 'dead', body = NULL, next_at = NULL, settled_at = ?,
         last_status = ?, last_error = ? WHERE id = ? AND state = 'pending'`,
    ),
    doubt: database.prepare<[number, string]>("UPDATE callback SET doubted = ? WHERE request_id = ?"),
    moveOn: database.prepare<[number, string]>(
      `UPDATE callback SET next_at = ? WHERE id =
         (SELECT min(id) FROM callback WHERE request_id = ? AND state <> 'dead')
       AND state = 'pending' AND next_at IS NULL`,
    ),
    prune: database.prepare<[number, number, number]>(
      `DELETE FROM callback WHERE id IN (SELECT id FROM callback WHERE state = 'dead' AND (settled_at < ? OR id IN
         (SELECT id FROM callback WHERE state = 'dead' ORDER BY settled_at DESC LIMIT -1 OFFSET ?)) LIMIT ?)`,
    ),
    list: database.prepare<[number, number], CallbackRow>(
      `SELECT id, request_id AS requestId, key_id AS keyId, origin, state, attempts, created_at AS createdAt,
         last_status AS lastStatus, last_error AS lastError FROM callback WHERE id > ? ORDER BY id LIMIT ?`,
    ),
  };
}
