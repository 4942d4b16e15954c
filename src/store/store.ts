/**
 * The store: what is committed here happened, whatever becomes of the process; everything else may be lost.
 */
import { Counters } from "../base/counters.ts";
import { expectInteger } from "../base/guards.ts";
import type { CallEvent, EventDraft } from "../transcript/event.ts";
import { CallDeliveries, type Resend } from "./call-deliveries.ts";
import { Callbacks } from "./callbacks.ts";
import { Calls, type NewCall, type StoredCall, type Watermark } from "./calls.ts";
import { Catalogue } from "./catalogue.ts";
import { guardStore, type OpenedDatabase, openDatabase } from "./database.ts";
import { Events } from "./events.ts";
import { Keys } from "./keys.ts";
import { Logins } from "./logins.ts";
import { type EndpointDue, type LaneHead, Outbox, type Settlement } from "./outbox.ts";
import { type UnfinishedCall, unfinishedCalls } from "./recovery.ts";
import {
  type OutboxCounts,
  type OutboxQuery,
  type OutboxRow,
  type OutboxSelection,
  Upkeep,
} from "./upkeep.ts";

export interface StoreOptions {
  /** File of the store; its directory is created (mode 0700) when it is missing. */
  path: string;
  /** Wall clock, epoch ms. */
  now?: () => number;
  /** Receives `store.duplicates` and `store.afterEnd`: drafts that were not committed. */
  counters?: Counters;
  /**
   * For the server: fails while another process has the store open this way, because two servers would end each
   * other's calls and deliver twice. Commands that only list or retry leave it out. Default false.
   */
  exclusive?: boolean;
  /** Size that the file may grow to before commits fail with STORE_FULL. Default: as large as the disk. */
  maximumBytes?: number;
}

/**
 * Opens or creates a store.
 *
 * @throws {LinescribeError} STORE_FAILED when the file cannot be opened, is damaged, is newer than this program or
 *   is in use; STORE_FULL when the disk is full.
 */
export function openStore(options: StoreOptions): Store {
  const { path, now = Date.now, counters = new Counters(), exclusive = false, maximumBytes } = options;
  if (maximumBytes !== undefined) expectInteger("maximumBytes", maximumBytes, 65_536);
  return new Store(openDatabase({ path, exclusive, maximumBytes: maximumBytes ?? null }), now, counters);
}

/** More than any commit writes: the last free page of a disk must not look like space. */
const PROBE_BYTES = 65_536;

/** Every method throws a `LinescribeError` STORE_FULL or STORE_FAILED when it could not do all that it says. */
export class Store {
  /** The API keys; their changes by another process count at once. */
  readonly keys: Keys;
  /** Lists and search. */
  readonly catalogue: Catalogue;
  /** What is owed to the URLs of API callers. */
  readonly callbacks: Callbacks;
  /** Browsers that showed a key. */
  readonly logins: Logins;
  readonly #opened: OpenedDatabase;
  readonly #now: () => number;
  readonly #calls: Calls;
  readonly #events: Events;
  readonly #outbox: Outbox;
  readonly #upkeep: Upkeep;
  readonly #deliveries: CallDeliveries;

  constructor(opened: OpenedDatabase, now: () => number, counters: Counters) {
    this.#opened = opened;
    this.#now = now;
    this.#calls = new Calls(opened.database, now);
    this.#events = new Events(opened.database, now, counters);
    this.#outbox = new Outbox(opened.database);
    this.#upkeep = new Upkeep(opened.database, now);
    this.#deliveries = new CallDeliveries(opened.database, now);
    this.catalogue = new Catalogue(opened.database, this.#calls);
    this.keys = new Keys(opened.database);
    this.callbacks = new Callbacks(opened.database);
    this.logins = new Logins(opened.database);
  }

  /** Records a call. Again for the same call it changes nothing, but adds tracks that were unknown. */
  openCall(call: NewCall): void {
    guardStore("record a call", () => this.#calls.open(call));
  }

  /** Remembers the wall clock (epoch ms) of a call's first `start`, media time 0; returns the one that holds. */
  setMediaStart(callSid: string, atMs: number): number {
    return guardStore("record the start of a stream", () => this.#calls.setMediaStart(callSid, atMs));
  }

  /**
   * Commits events in one durable transaction: the next sequences of the call, and what its endpoint is owed.
   *
   * A draft whose message id is committed already is skipped (counter `store.duplicates`), and so is one after the
   * call's `call.ended` (counter `store.afterEnd`).
   *
   * @returns The events that are new, in order; the rest of `drafts` changed nothing.
   * @throws {RangeError} when the call was never opened.
   * @throws {LinescribeError} STORE_FULL or STORE_FAILED; nothing was committed, and when it is retryable the same
   *   drafts may be handed in again.
   */
  commit(callSid: string, drafts: readonly EventDraft[]): CallEvent[] {
    return guardStore("commit events", () => this.#events.commit(callSid, drafts));
  }

  /** Saves how far the media of each track came, in one transaction; no watermark ever moves back. */
  saveWatermarks(rows: readonly Watermark[]): void {
    guardStore("save watermarks", () => this.#calls.saveWatermarks(rows));
  }

  /** Calls and sessions without `call.ended`: at start-up, those that a crash cut off. */
  unfinishedCalls(): UnfinishedCall[] {
    return guardStore("read unfinished calls", () => unfinishedCalls(this.#calls, this.#events));
  }

  call(callSid: string): StoredCall | null {
    return guardStore("read a call", () => this.#calls.get(callSid));
  }

  /** Events of a call with a sequence above `afterSequence` (default 0: all), in sequence, at most `limit` of them. */
  events(callSid: string, afterSequence = 0, limit = Number.MAX_SAFE_INTEGER): CallEvent[] {
    return guardStore("read events", () => this.#events.list(callSid, afterSequence, limit));
  }

  /** @see Calls.remove */
  removeCall(callSid: string): "removed" | "live" | "unknown" {
    return guardStore("delete a call", () => this.#calls.remove(callSid));
  }

  /** @see CallDeliveries.list */
  deliveries(callSid: string, after: number, limit: number): OutboxRow[] {
    return guardStore("list deliveries", () => this.#deliveries.list(callSid, after, limit));
  }

  /** @see CallDeliveries.resend */
  resend(callSid: string, resend: Resend): number {
    return guardStore("resend deliveries", () => this.#deliveries.resend(callSid, resend));
  }

  /** @see Outbox.dueEndpoints */
  dueEndpoints(): EndpointDue[] {
    return guardStore("read the outbox", () => this.#outbox.dueEndpoints());
  }

  /** @see Outbox.dueHeads */
  dueHeads(endpoint: string, now: number, limit: number): LaneHead[] {
    return guardStore("read the outbox", () => this.#outbox.dueHeads(endpoint, now, limit));
  }

  /** @see Outbox.settle */
  settle(settlements: readonly Settlement[]): void {
    guardStore("record deliveries", () => this.#outbox.settle(settlements));
  }

  /** @see Outbox.hasten */
  hastenLanes(endpoint: string, now: number, limit: number): number {
    return guardStore("reschedule deliveries", () => this.#outbox.hasten(endpoint, now, limit));
  }

  /** @see Upkeep.list */
  listOutbox(query: OutboxQuery = {}): OutboxRow[] {
    return guardStore("list the outbox", () => this.#upkeep.list(query));
  }

  /** @see Upkeep.retry */
  retryOutbox(selection: OutboxSelection): number {
    return guardStore("retry deliveries", () => this.#upkeep.retry(selection));
  }

  /** @see Upkeep.drop */
  dropOutbox(ids: readonly number[]): number {
    return guardStore("drop deliveries", () => this.#upkeep.drop(ids));
  }

  countOutbox(): OutboxCounts {
    return guardStore("count the outbox", () => this.#upkeep.counts());
  }

  /** @see Upkeep.prune */
  prune(before: number, limit: number): number {
    return guardStore("prune delivered events", () => this.#upkeep.prune(before, limit));
  }

  /**
   * Writes as much as a large commit does, durably, for a readiness check: throws when the store cannot take it.
   * It costs 64 kB of writing, so ask every few seconds at most.
   */
  probe(): void {
    guardStore("write to the store", () => {
      this.#opened.database
        .prepare(
          `INSERT INTO probe(id, at, filler) VALUES (1, ?, zeroblob(${PROBE_BYTES}))
           ON CONFLICT DO UPDATE SET at = excluded.at, filler = excluded.filler`,
        )
        .run(this.#now());
    });
  }

  /** Closes the file; what was committed is on disk already. */
  close(): void {
    this.#opened.close();
  }
}
