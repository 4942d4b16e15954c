/**
 * `linescribe outbox list|retry|drop`: works on the store alone, also while a server is running on it.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { loadSection, shownUrl } from "../app/config.ts";
import { LinescribeError } from "../base/error.ts";
import { openStore, type Store } from "../store/store.ts";
import type { OutboxRow, OutboxSelection, OutboxState } from "../store/upkeep.ts";
import { print, printJson, table } from "./terminal.ts";

interface StoreOptions {
  config?: string;
}

/** Rows read at a time, so that a long outbox is never in memory at once. */
const PAGE_ROWS = 500;

/** Opens the configured store, of which nothing but its path must be right. A missing one is not created. */
function withStore<T>({ config }: StoreOptions, work: (store: Store) => T): T {
  const file = path.resolve(loadSection("store", { file: config }).path);
  if (!existsSync(file)) {
    throw new LinescribeError("STORE_FAILED", `There is no store at ${file}; see store.path`);
  }
  const store = openStore({ path: file });
  try {
    return work(store);
  } finally {
    store.close();
  }
}

/** Without a state: what is owed or was given up. */
export function listOutbox(options: StoreOptions & { state?: OutboxState; json?: boolean }): void {
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

/** Exit code 1 when an id is not there or was delivered already. */
export function retryOutbox(selection: OutboxSelection, options: StoreOptions): void {
  const retried = withStore(options, (store) => store.retryOutbox(selection));
  print(`${retried} due for delivery; a running server takes them up within a second`);
  if ("ids" in selection) expectAll(retried, selection.ids);
}

/** Exit code 1 when an id is not there. */
export function dropOutbox(ids: readonly number[], options: StoreOptions): void {
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
