/**
 * How fast the store lists and searches with 10,000 calls and a million words in it, and what its index costs a commit:
 * `bench -- store [CALLS]`.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import Database from "better-sqlite3";
import { PAGE_ROWS_MAXIMUM } from "../src/store/catalogue.ts";
import { openStore, type Store } from "../src/store/store.ts";
import type { EventDraft } from "../src/transcript/event.ts";
import type { BenchOptions } from "./main.ts";
import { percentile } from "./percentile.ts";
import { machineName } from "./yardstick.ts";

const CALLS = 10_000;
const FINALS_PER_CALL = 10;
const WORDS_PER_FINAL = 10;
const VOCABULARY = 20_000;
/** In one final of so many; said at all in one call of so many. */
const RARE = 5000;
const CALLERS = 2500;
const LINES = 4;
const LANGUAGES = ["en", "en", "en", "en", "de", "es"];
const CALL_GAP_MS = 120_000;
const RUNS = 100;
const COMMITS = 1000;
const PRUNES = 20;
/** As retention does it, see `delivery/pruner.ts`. */
const PRUNED_CALLS = 50;
/** Limit of every p95 with `--check`. */
const P95_MS = 100;

const ENDPOINT = "http://127.0.0.1:9/hook";
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export async function run([given]: string[], { json, check }: BenchOptions): Promise<void> {
  const calls = given === undefined ? CALLS : Number(given);
  const directory = mkdtempSync(path.join(tmpdir(), "linescribe-bench-"));
  const memory = mkdtempSync(path.join(MEMORY, "linescribe-bench-"));
  try {
    const [filled, file] = [path.join(memory, "store.db"), path.join(directory, "store.db")];
    fill(filled, calls);
    copyFileSync(filled, file);
    const words = calls * FINALS_PER_CALL * WORDS_PER_FINAL;
    console.log(
      `${machineName()}\n${calls} calls, ${words} words, ${megabytes(file)} MB; ${RUNS} runs each, ms\n`,
    );
    const slowest = questions(file, calls);
    const ratio = commits(file);
    upkeep(file);
    if (json) console.log(JSON.stringify({ calls, words, slowestP95Ms: slowest, commitRatio: ratio }));
    if (check && slowest > P95_MS) process.exitCode = 1;
  } finally {
    for (const made of [directory, memory]) rmSync(made, { recursive: true, force: true });
  }
}

function megabytes(file: string): string {
  return (statSync(file).size / 1e6).toFixed(0);
}

/** Numbers that are the same in every run (Park and Miller). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Words by how often they are said, about as in a language: the first is in every final. */
const vocabulary = ((): string[] => {
  const draw = random(7);
  const letters = "etaoinshrdlucmfwypvbgkjqxz";
  const letter = (): string => letters[Math.floor(draw() ** 2 * letters.length)] as string;
  return Array.from({ length: VOCABULARY }, (_, rank) => {
    const length = 2 + Math.floor(Math.log2(rank + 2) / 3 + draw() * 6);
    return Array.from({ length }, letter).join("");
  });
})();

function textOf(draw: () => number, index: number): string {
  const said = Array.from(
    { length: WORDS_PER_FINAL - 1 },
    // Rank r is said about as often as 1 / r.
    () => vocabulary[Math.floor(VOCABULARY ** draw()) - 1] as string,
  );
  return ["everywhere", ...said.slice(1), index % RARE === 0 ? "needleword" : (said[0] as string)].join(" ");
}

function finalOf(utterance: number, text: string, language: string): EventDraft {
  const startMs = utterance * 4000;
  const words = text.split(" ").map((word, index) => {
    const at = startMs + index * 300;
    return { word, startMs: at, endMs: at + 250, confidence: 0.9 };
  });
  const place = { track: "inbound", label: "caller", utterance, startMs, endMs: startMs + 3000 } as const;
  return { type: "transcript.final", ...place, text, language, confidence: 0.9, words };
}

function fill(file: string, calls: number): void {
  const draw = random(1);
  let now = Date.UTC(2026, 0, 1);
  const store = openStore({ path: file, now: () => now });
  for (let index = 0; index < calls; index++) {
    now += CALL_GAP_MS;
    const language = LANGUAGES[index % LANGUAGES.length] as string;
    openCall(store, `CA${index}`, index);
    const finals = Array.from({ length: FINALS_PER_CALL }, (_, at) =>
      finalOf(at + 1, textOf(draw, index * FINALS_PER_CALL + at), language),
    );
    const gap: EventDraft[] =
      index % 100 === 0
        ? [
            {
              type: "transcript.gap",
              track: "inbound",
              label: "caller",
              gap: 1,
              startMs: 1,
              endMs: 9,
              cause: "overload",
            },
          ]
        : [];
    const facts = { durationMs: 50_000, finals: FINALS_PER_CALL, gaps: gap.length };
    store.commit(`CA${index}`, [
      ...finals,
      ...gap,
      { type: "call.ended", reason: "stream_stopped", ...facts },
    ]);
  }
  store.close();
}

function openCall(store: Store, callSid: string, index: number): void {
  const [to, from] = [`+1555010000${index % LINES}`, `+1555${String(2_000_000 + (index % CALLERS))}`];
  const tracks = [{ track: "inbound", label: "caller" } as const];
  store.openCall({ callSid, to, from, mode: "start", endpoint: ENDPOINT, tracks, startedAt: null });
}

/** Asks everything that a page asks, prints a line for each, and returns the slowest p95, ms. */
function questions(file: string, calls: number): number {
  const store = openStore({ path: file });
  const { catalogue } = store;
  const at = (share: number): number => Date.UTC(2026, 0, 1) + share * calls * CALL_GAP_MS;
  const caller = (run: number): string => `+1555${String(2_000_000 + ((run * 37) % CALLERS))}`;
  const vocable = (from: number, run: number): string => vocabulary[from + run] as string;
  const all = { since: at(0.1), until: at(0.9), language: "de", status: "faulty" } as const;
  const asked: Record<string, (run: number) => unknown> = {
    "list, first page": () => catalogue.list({}),
    "list, a page in the middle": (run) => catalogue.list({ before: (run * calls) / RUNS + 1 }),
    "list, the longest page": () => catalogue.list({ limit: PAGE_ROWS_MAXIMUM }),
    "filter: one of our lines": (run) => catalogue.list({ number: `+1555010000${run % LINES}` }),
    "filter: a caller": (run) => catalogue.list({ number: caller(run) }),
    "filter: a day": (run) => catalogue.list({ since: at(run / RUNS), until: at(run / RUNS) + 86_400_000 }),
    "filter: language": () => catalogue.list({ language: "es" }),
    "filter: live (none)": () => catalogue.list({ status: "live" }),
    "filter: faulty": () => catalogue.list({ status: "faulty" }),
    "filter: four at once": () => catalogue.list({ ...all, number: "+15550100000" }),
    "search: a rare word": () => catalogue.search("needleword", {}),
    "search: a word of the middle": (run) => catalogue.search(`${vocable(2000, run)} `, {}),
    "search: a frequent word": (run) => catalogue.search(`${vocable(5, run % 20)} `, {}),
    "search: a word of every final": () => catalogue.search("everywhere ", {}),
    "search: two words": (run) => catalogue.search(`${vocable(5, run)} ${vocable(40, run)}`, {}),
    "search: a phrase": (run) => catalogue.search(`"${vocable(3, run % 9)} ${vocable(9, run % 7)}"`, {}),
    "search: two letters": (run) => catalogue.search(vocable(300, run).slice(0, 2), {}),
    "search: four letters": (run) => catalogue.search(vocable(3000, run).slice(0, 4), {}),
    "search: nothing to find": (run) => catalogue.search(`zzzz${run} `, {}),
    "search: every final, a caller": (run) => catalogue.search("everywhere ", { number: caller(run) }),
    "search: every final, a line": (run) =>
      catalogue.search("everywhere ", { number: `+1555010000${run % LINES}` }),
    "search: every final, faulty": () => catalogue.search("everywhere ", { status: "faulty" }),
    "search: every final, four filters": () =>
      catalogue.search("everywhere ", { ...all, number: "+15550100000" }),
  };
  console.log(`${"".padEnd(36)}${"p50".padStart(8)}${"p95".padStart(8)}${"most".padStart(8)}`);
  const p95s = Object.entries(asked).map(([name, ask]) => report(name, RUNS, ask));
  store.close();
  const slowest = Math.max(...p95s);
  console.log(`\nslowest p95 ${slowest.toFixed(1)} ms (limit ${P95_MS} ms)\n`);
  return slowest;
}

function report(name: string, runs: number, work: (run: number) => unknown): number {
  return show(name, timesOf(runs, work));
}

/** Prints the percentiles of `times` and returns p95, ms. */
function show(name: string, times: readonly number[]): number {
  const cells = [percentile(times, 0.5), percentile(times, 0.95), Math.max(...times)];
  console.log(name.padEnd(36) + cells.map((ms) => ms.toFixed(1).padStart(8)).join(""));
  return cells[1] as number;
}

function timesOf(runs: number, work: (run: number) => unknown): number[] {
  return Array.from({ length: runs }, (_, run) => {
    const startedAt = performance.now();
    work(run);
    return performance.now() - startedAt;
  });
}

/** One final a commit, as calls do it: into a store with the index, and into the same one without. Returns the ratio. */
function commits(file: string): number {
  const copies = [true, false].map((indexed) => {
    const copy = `${file}.${indexed ? "indexed" : "plain"}`;
    copyFileSync(file, copy);
    if (!indexed) withoutIndex(copy);
    const store = openStore({ path: copy });
    openCall(store, "CAnew", 0);
    return { store, draw: random(3), times: [] as number[] };
  });
  // In turns, so that both see the same disk.
  for (let commit = 1; commit <= COMMITS; commit++) {
    for (const { store, draw, times } of copies) {
      const draft = finalOf(commit, textOf(draw, commit), "en");
      times.push(...timesOf(1, () => store.commit("CAnew", [draft])));
    }
  }
  for (const { store } of copies) store.close();
  const [indexed, plain] = copies.map(({ times }) => times) as [number[], number[]];
  show("commit of a final, with the index", indexed);
  show("commit of a final, without it", plain);
  const ratio = percentile(indexed, 0.5) / percentile(plain, 0.5);
  console.log(`\na commit takes ${ratio.toFixed(2)} times as long with the index (p50)\n`);
  return ratio;
}

/** A table of the index's name that keeps nothing. */
function withoutIndex(file: string): void {
  const database = new Database(file);
  database.exec(`DROP TRIGGER call_unspoken; DROP TABLE spoken; CREATE VIEW spoken AS SELECT 1 AS rowid, '' AS text, '' AS spoken;
    CREATE TRIGGER spoken_nothing INSTEAD OF INSERT ON spoken BEGIN SELECT 1; END`);
  database.close();
}

/** How long deletion, retention and the migration of such a store hold the event loop. */
function upkeep(file: string): void {
  const older = `${file}.older`;
  copyFileSync(file, older);
  const store = openStore({ path: file });
  report("delete a call", RUNS, (run) => store.removeCall(`CA${run}`));
  const raw = new Database(file);
  raw.exec("DELETE FROM outbox; DELETE FROM lane");
  raw.close();
  report(`prune ${PRUNED_CALLS} calls`, PRUNES, () => store.prune(Number.MAX_SAFE_INTEGER, PRUNED_CALLS));
  store.close();
  const before = new Database(older);
  before.exec(`DROP TRIGGER call_unspoken; DROP TABLE spoken; DROP TABLE call_language; DROP INDEX outbox_dead_call;
    DROP INDEX call_number; DROP INDEX call_opened; DROP INDEX call_to; DROP INDEX call_from; DROP INDEX call_faulty`);
  for (const column of ["number", "finals", "gaps", "end_reason"])
    before.exec(`ALTER TABLE call DROP COLUMN ${column}`);
  before.pragma("user_version = 3");
  before.close();
  report("open a store without an index", 1, () => openStore({ path: older }).close());
}
