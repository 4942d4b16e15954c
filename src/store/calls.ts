/**
 * The calls: what is known of each, how far its media came, and which were open when the program stopped.
 */
import type Database from "better-sqlite3";
import { expectNumber } from "../base/guards.ts";
import type { Track, TrackLabel } from "../transcript/event.ts";

/** `session`: audio from a client that is no carrier; its id is the `callSid`, its surface and client are `to` and `from`. */
export type CallKind = "call" | "session";

export interface NewCall {
  callSid: string;
  /** Default `call`. */
  kind?: CallKind;
  to: string;
  from: string;
  mode: "start" | "connect";
  /** Callback URL, the key of its endpoint; null when nobody wants the events. */
  endpoint: string | null;
  tracks: TrackLabel[];
  /** When the carrier's webhook came, epoch milliseconds, or null when it never did. */
  startedAt: number | null;
}

export interface StoredCall extends NewCall {
  kind: CallKind;
  /** Wall clock of the call's first `start`, epoch milliseconds: media time 0. */
  mediaStartAt: number | null;
  /** When `call.ended` was committed, epoch milliseconds. */
  endedAt: number | null;
  /** Sequence of the newest event, 0 when there is none. */
  lastSequence: number;
}

export interface Watermark {
  callSid: string;
  track: Track;
  /** Media received so far, ms. */
  mediaMs: number;
  /** Everything before it is committed or was silence, ms. */
  settledMs: number;
}

/** Media time in milliseconds. */
export interface Interval {
  startMs: number;
  endMs: number;
}

/** A call SID becomes part of message ids, which are signed and must not hold a ".". */
const CALL_SID = /^[\w-]{1,64}$/;

/** A row as it is stored. */
export interface CallRow {
  call_sid: string;
  kind: CallKind;
  to_number: string;
  from_number: string;
  mode: "start" | "connect";
  endpoint: string | null;
  started_at: number | null;
  media_start_at: number | null;
  ended_at: number | null;
  last_sequence: number;
}

export class Calls {
  readonly #now: () => number;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #transaction: Database.Transaction<(work: () => void) => void>;

  constructor(database: Database.Database, now: () => number) {
    this.#now = now;
    this.#statements = prepare(database);
    this.#transaction = database.transaction((work: () => void) => work());
  }

  /**
   * Records a call; what an earlier opening said stays, except that unknown tracks and a missing time are added.
   *
   * @throws {RangeError} when the call SID is not 1 to 64 letters, digits, "_" or "-".
   */
  open(call: NewCall): void {
    if (!CALL_SID.test(call.callSid)) throw new RangeError(`Expected a call SID, got "${call.callSid}"`);
    this.#transaction.immediate(() => {
      const { callSid, kind = "call", to, from, mode, endpoint, startedAt } = call;
      this.#statements.insert.run(callSid, kind, to, from, mode, endpoint, startedAt, this.#now());
      for (const { track, label } of call.tracks) this.#statements.insertTrack.run(callSid, track, label);
    });
  }

  /**
   * Remembers the wall clock of the call's first `start`; a later one changes nothing.
   *
   * @returns The one that holds, epoch milliseconds: media time 0 of the call.
   * @throws {RangeError} when the call was never opened.
   */
  setMediaStart(callSid: string, atMs: number): number {
    this.#statements.setMediaStart.run(Math.round(atMs), callSid);
    const mediaStartAt = this.get(callSid)?.mediaStartAt;
    if (mediaStartAt == null) throw new RangeError(`Expected a call that was opened, got ${callSid}`);
    return mediaStartAt;
  }

  get(callSid: string): StoredCall | null {
    const row = this.#statements.get.get(callSid);
    return row === undefined ? null : this.asStored(row);
  }

  /** Calls without `call.ended`, in the order in which they were opened. */
  unfinished(): StoredCall[] {
    return this.#statements.unfinished.all().map((row) => this.asStored(row));
  }

  /**
   * Removes a call that has ended, with its events, what is owed of them and what search knows of them.
   *
   * @returns `live` and `unknown` when nothing was removed.
   */
  remove(callSid: string): "removed" | "live" | "unknown" {
    let outcome: "removed" | "live" | "unknown" = "unknown";
    this.#transaction.immediate(() => {
      const call = this.get(callSid);
      if (call === null) return;
      outcome = call.endedAt === null ? "live" : "removed";
      if (outcome === "live") return;
      if (call.endpoint !== null) this.#statements.closeLane.run(call.endpoint, callSid);
      this.#statements.remove.run(callSid);
    });
    return outcome;
  }

  /** Moves watermarks forward, all in one transaction; none ever moves back. */
  saveWatermarks(rows: readonly Watermark[]): void {
    for (const { mediaMs, settledMs } of rows) {
      expectNumber("mediaMs", mediaMs, 0, Number.MAX_SAFE_INTEGER);
      expectNumber("settledMs", settledMs, 0, Number.MAX_SAFE_INTEGER);
    }
    if (rows.length === 0) return;
    this.#transaction.immediate(() => {
      for (const { callSid, track, mediaMs, settledMs } of rows) {
        this.#statements.saveWatermark.run(mediaMs, settledMs, callSid, track);
      }
    });
  }

  watermark(callSid: string, track: Track): { mediaMs: number; settledMs: number } {
    return this.#statements.watermark.get(callSid, track) ?? { mediaMs: 0, settledMs: 0 };
  }

  asStored(row: CallRow): StoredCall {
    return {
      callSid: row.call_sid,
      kind: row.kind,
      to: row.to_number,
      from: row.from_number,
      mode: row.mode,
      endpoint: row.endpoint,
      tracks: this.#statements.tracks.all(row.call_sid),
      startedAt: row.started_at,
      mediaStartAt: row.media_start_at,
      endedAt: row.ended_at,
      lastSequence: row.last_sequence,
    };
  }
}

function prepare(database: Database.Database) {
  return {
    insert: database.prepare<
      [string, string, string, string, string, string | null, number | null, number]
    >(`INSERT INTO call(call_sid, kind, to_number, from_number, mode, endpoint, started_at, opened_at, number)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(number), 0) + 1 FROM call))
       ON CONFLICT(call_sid) DO UPDATE SET started_at = coalesce(started_at, excluded.started_at)`),
    insertTrack: database.prepare<[string, Track, string]>(
      "INSERT INTO track(call_sid, track, label) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
    ),
    setMediaStart: database.prepare<[number, string]>(
      "UPDATE call SET media_start_at = ? WHERE call_sid = ? AND media_start_at IS NULL",
    ),
    get: database.prepare<[string], CallRow>("SELECT * FROM call WHERE call_sid = ?"),
    unfinished: database.prepare<[], CallRow>("SELECT * FROM call WHERE ended_at IS NULL ORDER BY opened_at"),
    // Everything else of a call has a reference or a trigger.
    closeLane: database.prepare<[string, string]>("DELETE FROM lane WHERE endpoint = ? AND call_sid = ?"),
    remove: database.prepare<[string]>("DELETE FROM call WHERE call_sid = ?"),
    tracks: database.prepare<[string], TrackLabel>(
      "SELECT track, label FROM track WHERE call_sid = ? ORDER BY track",
    ),
    saveWatermark: database.prepare<[number, number, string, Track]>(
      `UPDATE track SET media_ms = max(media_ms, ?), settled_ms = max(settled_ms, ?)
       WHERE call_sid = ? AND track = ?`,
    ),
    watermark: database.prepare<[string, Track], { mediaMs: number; settledMs: number }>(
      "SELECT media_ms AS mediaMs, settled_ms AS settledMs FROM track WHERE call_sid = ? AND track = ?",
    ),
  };
}
