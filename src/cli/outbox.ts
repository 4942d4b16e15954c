/**
 * `linescribe outbox list|callbacks|retry|drop`: works on the store alone, also while a server is running on it.
 */
import { shownUrl } from "../app/config.ts";
import type { CallbackRow } from "../store/callbacks.ts";
import type { Store } from "../store/store.ts";
import type { OutboxRow, OutboxSelection, OutboxState } from "../store/upkeep.ts";
import { type StoreFileOptions, withStore } from "./store-file.ts";
import { print, printJson, table } from "./terminal.ts";

/** Rows read at a time, so that a long outbox is never in memory at once. */
const PAGE_ROWS = 500;

/** Without a state: what is owed or was given up. */
export function listOutbox(options: StoreFileOptions & { state?: OutboxState; json?: boolean }): void {
  withStore(options, (store) => {
    const rows: string[][] = [];
    for (const row of rowsOf(store, options.state)) {
      if (options.json) printJson(row);
      else rows.push(cellsOf(row));
    }
    if (options.json) return;
    print(
      rows.length === 0
        ? "nothing"
        : table([["ID", "STATE", "TYPE", "CALL", "TRIES", "QUEUED", "LAST", "ENDPOINT"], ...rows]),
    );
  });
}

function* rowsOf(store: Store, state: OutboxState | undefined): Generator<OutboxRow> {
  for (let after = 0; ; ) {
    const page = store.listOutbox({ limit: PAGE_ROWS, after, ...(state && { state }) });
    yield* page.filter((row) => state !== undefined || row.state !== "delivered");
    if (page.length < PAGE_ROWS) return;
    after = (page.at(-1) as OutboxRow).id;
  }
}

function cellsOf(row: OutboxRow): string[] {
  return [
    String(row.id),
    row.endpointDisabled ? `${row.state}, endpoint off` : row.state,
    row.type,
    row.callSid,
    String(row.attempts),
    new Date(row.queuedAt).toISOString(),
    row.lastStatus === null ? (row.lastError ?? "-") : String(row.lastStatus),
    shownUrl(row.endpoint),
  ];
}

/** What is owed to URLs of API callers, or was given up. */
export function listCallbacks(options: StoreFileOptions & { json?: boolean }): void {
  withStore(options, ({ callbacks }) => {
    const rows: string[][] = [];
    for (let after = 0; ; ) {
      const page = callbacks.list({ after, limit: PAGE_ROWS });
      for (const row of page) {
        if (options.json) printJson(row);
        else rows.push(callbackCellsOf(row));
      }
      if (page.length < PAGE_ROWS) break;
      after = (page.at(-1) as CallbackRow).id;
    }
    if (options.json) return;
    const head = ["ID", "STATE", "REQUEST", "KEY", "TRIES", "ACCEPTED", "LAST", "RECEIVER"];
    print(rows.length === 0 ? "nothing" : table([head, ...rows]));
  });
}

function callbackCellsOf(row: CallbackRow): string[] {
  return [
    String(row.id),
    row.state,
    row.requestId,
    row.keyId ?? "-",
    String(row.attempts),
    new Date(row.createdAt).toISOString(),
    row.lastStatus === null ? (row.lastError ?? "-") : String(row.lastStatus),
    row.origin,
  ];
}

/** Exit code 1 when an id is not there or was delivered already. */
export function retryOutbox(selection: OutboxSelection, options: StoreFileOptions): void {
  const retried = withStore(options, (store) => store.retryOutbox(selection));
  print(`${retried} due for delivery; a running server takes them up within a second`);
  if ("ids" in selection) expectAll(retried, selection.ids);
}

/** Exit code 1 when an id is not there. */
export function dropOutbox(ids: readonly number[], options: StoreFileOptions): void {
  const dropped = withStore(options, (store) => store.dropOutbox(ids));
  print(`${dropped} dropped`);
  expectAll(dropped, ids);
}

function expectAll(found: number, ids: readonly number[]): void {
  const wanted = new Set(ids).size;
  if (found === wanted) return;
  console.error(
    `STORE_FAILED: ${wanted - found} of ${wanted} ids are not in the outbox, or delivered already`,
  );
  process.exitCode = 1;
}
