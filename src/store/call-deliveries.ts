/**
 * The deliveries of one call, for whoever looks after it: how each stands, and sending again.
 */
import type Database from "better-sqlite3";
import { expectInteger } from "../base/guards.ts";
import { asOutboxRow, OUTBOX_ROWS, type OutboxRow, type RawOutboxRow, reviving } from "./upkeep.ts";

/** What of a call is sent again. What is pending is on its way already. */
export interface Resend {
  states: readonly ("dead" | "delivered")[];
  /** Only the events with these sequences. */
  sequences?: readonly number[];
}

export const DELIVERIES_MAXIMUM = 1000;

export class CallDeliveries {
  readonly #database: Database.Database;
  readonly #now: () => number;

  constructor(database: Database.Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** Deliveries of events with a sequence above `after`, in sequence; none where nobody is called back or all is pruned. */
  list(callSid: string, after: number, limit: number): OutboxRow[] {
    expectInteger("limit", limit, 1, DELIVERIES_MAXIMUM);
    return this.#database
      .prepare<[string, number, number], RawOutboxRow>(
        `${OUTBOX_ROWS} WHERE o.call_sid = ? AND o.sequence > ? ORDER BY o.sequence LIMIT ?`,
      )
      .all(callSid, after, limit)
      .map(asOutboxRow);
  }

  /**
   * Makes rows pending again and the call due now, with the ids and bodies that the events had. An endpoint that was
   * disabled is enabled.
   *
   * @returns How many events are sent again.
   */
  resend(callSid: string, { states, sequences }: Resend): number {
    return this.#database
      .transaction(() => {
        const rows = this.#database
          .prepare<[string, string], OutboxRow>(
            `SELECT id, endpoint, call_sid AS callSid, sequence FROM outbox
             WHERE call_sid = ? AND state IN (SELECT value FROM json_each(?)) ORDER BY sequence`,
          )
          .all(callSid, JSON.stringify(states));
        const wanted = sequences && new Set(sequences);
        const chosen = rows.filter(({ sequence }) => wanted?.has(sequence) ?? true);
        const revive = reviving(this.#database);
        const at = this.#now();
        for (const row of chosen) revive(row, at);
        return chosen.length;
      })
      .immediate();
  }
}
