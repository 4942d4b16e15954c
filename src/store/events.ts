/**
 * The events: one transaction gives each its sequence, keeps its body and owes it to the endpoint.
 */
import type Database from "better-sqlite3";
import type { Counters } from "../base/counters.ts";
import {
  type CallEvent,
  type EventDraft,
  messageId,
  SCHEMA_VERSION,
  type Track,
  webhookBody,
} from "../transcript/event.ts";
import type { Interval } from "./calls.ts";
import { indexedText, spokenId } from "./spoken.ts";

interface Head {
  /** Of the call, see `spokenId`. */
  number: number;
  endpoint: string | null;
  last_sequence: number;
  ended_at: number | null;
}

/** How often an event was committed and the highest number it has, by type and track. */
export interface EventTally {
  type: EventDraft["type"];
  track: Track | null;
  count: number;
  highest: number | null;
}

export class Events {
  readonly #now: () => number;
  readonly #counters: Counters;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #commit: Database.Transaction<(callSid: string, drafts: readonly EventDraft[]) => CallEvent[]>;

  constructor(database: Database.Database, now: () => number, counters: Counters) {
    this.#now = now;
    this.#counters = counters;
    this.#statements = prepare(database);
    this.#commit = database.transaction((callSid, drafts) => this.#commitAll(callSid, drafts));
  }

  /** @see Store.commit */
  commit(callSid: string, drafts: readonly EventDraft[]): CallEvent[] {
    return drafts.length === 0 ? [] : this.#commit.immediate(callSid, drafts);
  }

  #commitAll(callSid: string, drafts: readonly EventDraft[]): CallEvent[] {
    const head = this.#statements.head.get(callSid);
    if (head === undefined) throw new RangeError(`Expected a call that was opened, got ${callSid}`);
    const at = this.#now();
    const committed: CallEvent[] = [];
    let ended = head.ended_at !== null;
    for (const draft of drafts) {
      const id = messageId(callSid, draft);
      if (this.#statements.exists.get(id) !== undefined) {
        this.#counters.add("store.duplicates");
        continue;
      }
      if (ended) {
        this.#counters.add("store.afterEnd");
        continue;
      }
      const sequence = head.last_sequence + committed.length + 1;
      const timestamp = new Date(at).toISOString();
      const event: CallEvent = { ...draft, version: SCHEMA_VERSION, id, callSid, sequence, timestamp };
      this.#insert(event, head, at);
      committed.push(event);
      ended = draft.type === "call.ended";
    }
    if (committed.length === 0) return committed;
    this.#advance(callSid, head.last_sequence + committed.length, committed, at);
    if (head.endpoint !== null) this.#statements.openLane.run(head.endpoint, callSid, at);
    return committed;
  }

  #advance(callSid: string, lastSequence: number, committed: readonly CallEvent[], at: number): void {
    const count = (type: EventDraft["type"]): number =>
      committed.reduce((sum, event) => sum + (event.type === type ? 1 : 0), 0);
    const last = committed.at(-1);
    const ended = last?.type === "call.ended" ? last : null;
    const [finals, gaps] = [count("transcript.final"), count("transcript.gap")];
    this.#statements.advance.run(
      lastSequence,
      finals,
      gaps,
      ended ? at : null,
      ended?.reason ?? null,
      callSid,
    );
  }

  #insert(event: CallEvent, { endpoint, number: callNumber }: Head, at: number): void {
    const { callSid, sequence } = event;
    const { track, number, startMs, endMs } = placeOf(event);
    this.#statements.insert.run(
      callSid,
      sequence,
      event.id,
      event.type,
      track,
      number,
      startMs,
      endMs,
      at,
      webhookBody(event),
    );
    if (track !== null && endMs !== null) this.#statements.reach.run(endMs, callSid, track);
    if (event.type === "transcript.final") {
      this.#statements.index.run(spokenId(callNumber, sequence), indexedText(event.text));
      this.#statements.addLanguage.run(callSid, event.language);
    }
    if (endpoint !== null) this.#statements.owe.run(callSid, sequence, endpoint, at);
  }

  /** At most `limit` events of a call after `afterSequence`, in sequence. */
  list(callSid: string, afterSequence: number, limit: number): CallEvent[] {
    return this.#statements.list.all(callSid, afterSequence, limit).map(({ body }) => parseBody(body));
  }

  tally(callSid: string): EventTally[] {
    return this.#statements.tally.all(callSid);
  }

  /** Where finals and gaps lie on a track, of those that end after `afterMs`, by their start. */
  intervals(callSid: string, track: Track, afterMs: number): Interval[] {
    return this.#statements.intervals.all(callSid, track, afterMs);
  }
}

/** What of an event has a column of its own, for recovery. */
function placeOf(event: CallEvent): {
  track: Track | null;
  number: number | null;
  startMs: number | null;
  endMs: number | null;
} {
  switch (event.type) {
    case "transcript.final":
      return { track: event.track, number: event.utterance, startMs: event.startMs, endMs: event.endMs };
    case "transcript.gap":
      return { track: event.track, number: event.gap, startMs: event.startMs, endMs: event.endMs };
    case "call.dtmf":
      return { track: event.track, number: event.press, startMs: null, endMs: null };
    default:
      return { track: null, number: null, startMs: null, endMs: null };
  }
}

/** The inverse of `webhookBody`: the body is the one copy that is kept. */
function parseBody(body: string): CallEvent {
  const { type, timestamp, data } = JSON.parse(body) as {
    type: string;
    timestamp: string;
    data: Record<string, unknown>;
  };
  return { type, ...data, timestamp } as unknown as CallEvent;
}

function prepare(database: Database.Database) {
  return {
    head: database.prepare<[string], Head>(
      "SELECT number, endpoint, last_sequence, ended_at FROM call WHERE call_sid = ?",
    ),
    exists: database.prepare<[string], unknown>("SELECT 1 FROM event WHERE message_id = ?"),
    insert: database.prepare<
      [
        string,
        number,
        string,
        string,
        string | null,
        number | null,
        number | null,
        number | null,
        number,
        string,
      ]
    >(
      `INSERT INTO event(call_sid, sequence, message_id, type, track, number, start_ms, end_ms, committed_at, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    reach: database.prepare<[number, string, Track]>(
      "UPDATE track SET media_ms = max(media_ms, ?) WHERE call_sid = ? AND track = ?",
    ),
    owe: database.prepare<[string, number, string, number]>(
      "INSERT INTO outbox(call_sid, sequence, endpoint, queued_at) VALUES (?, ?, ?, ?)",
    ),
    // A lane that exists has a head that waits for its next attempt; a new row behind it changes nothing.
    openLane: database.prepare<[string, string, number]>(
      "INSERT INTO lane(endpoint, call_sid, next_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    index: database.prepare<[number, string]>("INSERT INTO spoken(rowid, text) VALUES (?, ?)"),
    addLanguage: database.prepare<[string, string]>(
      "INSERT INTO call_language(call_sid, language) VALUES (?, ?) ON CONFLICT DO NOTHING",
    ),
    advance: database.prepare<[number, number, number, number | null, string | null, string]>(
      `UPDATE call SET last_sequence = ?, finals = finals + ?, gaps = gaps + ?, ended_at = coalesce(ended_at, ?),
         end_reason = coalesce(end_reason, ?) WHERE call_sid = ?`,
    ),
    list: database.prepare<[string, number, number], { body: string }>(
      "SELECT body FROM event WHERE call_sid = ? AND sequence > ? ORDER BY sequence LIMIT ?",
    ),
    tally: database.prepare<[string], EventTally>(
      `SELECT type, track, count(*) AS count, max(number) AS highest FROM event
       WHERE call_sid = ? GROUP BY type, track`,
    ),
    intervals: database.prepare<[string, Track, number], Interval>(
      `SELECT start_ms AS startMs, end_ms AS endMs FROM event
       WHERE call_sid = ? AND track = ? AND end_ms > ? ORDER BY start_ms, end_ms`,
    ),
  };
}
