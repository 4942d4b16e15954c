/**
 * The outbox as the sender sees it: which lane is due, what its head is, and what became of an attempt.
 *
 * A lane is one (endpoint, call); only its head, the pending row with the lowest sequence, may be attempted.
 * Nothing is written when a row is taken: a process that dies leaves every row as it was, due again at once.
 */
import type Database from "better-sqlite3";

/** The pending row that its lane must deliver next. */
export interface LaneHead {
  id: number;
  endpoint: string;
  callSid: string;
  sequence: number;
  messageId: string;
  /** Webhook body, the same at every attempt. */
  body: string;
  /** Attempts so far. */
  attempts: number;
  /** Attempts that count towards giving up, see `delivery/verdict.ts`. */
  strikes: number;
  /** When it was committed or last retried by hand, epoch ms. */
  queuedAt: number;
  lastAttemptAt: number | null;
}

export interface EndpointDue {
  endpoint: string;
  /** When its earliest lane is due, epoch ms. */
  nextAt: number;
}

/** What became of one attempt on a head, with what the receiver said. */
export interface Settlement {
  head: LaneHead;
  /** `delivered`: done. `retry`: again at `nextAt`. `dead`: parked, the lane moves on. `disable`: endpoint off. */
  outcome: "delivered" | "retry" | "dead" | "disable";
  /** When the attempt ended, epoch ms. */
  at: number;
  /** When the lane is next due, epoch ms; read for `retry` alone. */
  nextAt: number;
  /** Whether the attempt counts towards giving up. */
  strike: boolean;
  /** HTTP status, or null when there was no answer. */
  status: number | null;
  /** What went wrong, in words without content; null when nothing did. */
  error: string | null;
  /** Beginning of the answer's body, for the operator's eyes. */
  response: string | null;
}

/** Hops from endpoint to endpoint over the index instead of reading every lane. */
export const DUE_ENDPOINTS = `WITH RECURSIVE hop(endpoint) AS (
     SELECT min(endpoint) FROM lane
     UNION ALL
     SELECT (SELECT min(endpoint) FROM lane WHERE endpoint > hop.endpoint) FROM hop WHERE endpoint IS NOT NULL
   )
   SELECT endpoint, (SELECT min(next_at) FROM lane WHERE lane.endpoint = hop.endpoint) AS nextAt FROM hop
   WHERE endpoint IS NOT NULL AND endpoint NOT IN (SELECT endpoint FROM disabled_endpoint)`;

export const DUE_HEADS = `SELECT o.id, o.endpoint, o.call_sid AS callSid, o.sequence, e.message_id AS messageId, e.body,
          o.attempts, o.strikes, o.queued_at AS queuedAt, o.last_attempt_at AS lastAttemptAt
   FROM (SELECT endpoint, call_sid, next_at FROM lane WHERE endpoint = ? AND next_at <= ?
         ORDER BY next_at LIMIT ?) l
   JOIN outbox o ON o.id = (SELECT id FROM outbox h WHERE h.state = 'pending' AND h.endpoint = l.endpoint
                            AND h.call_sid = l.call_sid ORDER BY h.sequence LIMIT 1)
   JOIN event e ON e.call_sid = o.call_sid AND e.sequence = o.sequence
   ORDER BY l.next_at`;

export class Outbox {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #settle: Database.Transaction<(settlements: readonly Settlement[]) => void>;

  constructor(database: Database.Database) {
    this.#statements = prepare(database);
    this.#settle = database.transaction((settlements) => {
      for (const settlement of settlements) this.#settleOne(settlement);
    });
  }

  /** Endpoints with pending lanes that are not disabled; costs an index seek for each. */
  dueEndpoints(): EndpointDue[] {
    return this.#statements.dueEndpoints.all();
  }

  /** Heads of at most `limit` lanes of an endpoint that are due at `now`, longest due first. */
  dueHeads(endpoint: string, now: number, limit: number): LaneHead[] {
    return this.#statements.dueHeads.all(endpoint, now, limit);
  }

  /** Records what became of attempts, all in one transaction. A row that was dropped meanwhile stays dropped. */
  settle(settlements: readonly Settlement[]): void {
    if (settlements.length > 0) this.#settle.immediate(settlements);
  }

  #settleOne({ head, outcome, at, nextAt, strike, status, error, response }: Settlement): void {
    const { id, endpoint, callSid } = head;
    const state = outcome === "delivered" || outcome === "dead" ? outcome : "pending";
    const settledAt = state === "pending" ? null : at;
    this.#statements.record.run(strike ? 1 : 0, at, status, error, response, state, settledAt, id);
    if (outcome === "disable") this.#statements.disable.run(endpoint, at);
    this.#statements.moveLane.run(outcome === "retry" ? nextAt : at, endpoint, callSid);
    this.#statements.closeLane.run(endpoint, callSid, endpoint, callSid);
  }

  /**
   * Makes lanes of an endpoint due now that wait for a later attempt, because the endpoint is well again.
   *
   * @returns How many were moved, at most `limit`.
   */
  hasten(endpoint: string, now: number, limit: number): number {
    return this.#statements.hasten.run(now, endpoint, now, limit).changes;
  }
}

function prepare(database: Database.Database) {
  return {
    dueEndpoints: database.prepare<[], EndpointDue>(DUE_ENDPOINTS),
    dueHeads: database.prepare<[string, number, number], LaneHead>(DUE_HEADS),
    record: database.prepare<
      [number, number, number | null, string | null, string | null, string, number | null, number]
    >(
      `UPDATE outbox SET attempts = attempts + 1, strikes = strikes + ?, last_attempt_at = ?, last_status = ?,
         last_error = ?, last_response = ?, state = ?, settled_at = ? WHERE id = ? AND state = 'pending'`,
    ),
    moveLane: database.prepare<[number, string, string]>(
      "UPDATE lane SET next_at = ? WHERE endpoint = ? AND call_sid = ?",
    ),
    closeLane: database.prepare<[string, string, string, string]>(
      `DELETE FROM lane WHERE endpoint = ? AND call_sid = ? AND NOT EXISTS
         (SELECT 1 FROM outbox WHERE state = 'pending' AND endpoint = ? AND call_sid = ?)`,
    ),
    disable: database.prepare<[string, number]>(
      "INSERT INTO disabled_endpoint(endpoint, disabled_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    hasten: database.prepare<[number, string, number, number]>(
      `UPDATE lane SET next_at = ? WHERE (endpoint, call_sid) IN
         (SELECT endpoint, call_sid FROM lane WHERE endpoint = ? AND next_at > ? LIMIT ?)`,
    ),
  };
}
