/**
 * `npm run bench -- NAME [ARGUMENTS] [--json] [--check] [--save]`
 *
 * `--json` prints one JSON object as the last line; `--check` exits 1 beyond the limits that the bench names; `--save`
 * keeps what was printed in `RESULTS.md`. A bench may have options of its own, which take a value: `--device cpu`.
 */
import { format, parseArgs } from "node:util";
import { messageOf } from "../src/base/error.ts";
import { saveResults } from "./results.ts";

export interface BenchOptions {
  json: boolean;
  check: boolean;
  /** The bench's own options, those that were given. */
  values: Readonly<Record<string, string>>;
}

interface Bench {
  run(args: string[], options: BenchOptions): Promise<void>;
  /** Names of its own options. */
  OPTIONS?: readonly string[];
}

const BENCHES: Record<string, () => Promise<Bench>> = {
  accuracy: () => import("./accuracy.ts"),
  calls: () => import("./calls.ts"),
  cost: () => import("./cost.ts"),
  engine: () => import("./engine.ts"),
  gpu: () => import("./gpu.ts"),
  hints: () => import("./hints.ts"),
  loop: () => import("./loop.ts"),
  sessions: () => import("./sessions.ts"),
  store: () => import("./store.ts"),
  sockets: () => import("./sockets.ts"),
  timing: () => import("./timing.ts"),
  tracks: () => import("./tracks.ts"),
  vad: () => import("./vad.ts"),
};
const SWITCHES = ["json", "check", "save"];

const [name = "", ...rest] = process.argv.slice(2);
const load = BENCHES[name];
if (!load) {
  const switches = SWITCHES.map((option) => `[--${option}]`).join(" ");
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [ARGUMENTS] ${switches}`);
  process.exit(2);
}
const bench = await load();
const { switches, values, positionals } = parse(rest, bench.OPTIONS ?? []);
const printed = switches.has("save") ? listen() : null;
await bench.run(positionals, { json: switches.has("json"), check: switches.has("check"), values });
if (printed) {
  const own = Object.entries(values).flatMap(([option, value]) => [`--${option}`, value]);
  saveResults(name, [...positionals, ...own], printed.filter(isForPeople));
}

function parse(args: string[], own: readonly string[]) {
  const options = Object.fromEntries([
    ...SWITCHES.map((option) => [option, { type: "boolean" }] as const),
    ...own.map((option) => [option, { type: "string" }] as const),
  ]);
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const given = Object.entries(values);
    return {
      switches: new Set(given.filter(([, value]) => value === true).map(([option]) => option)),
      values: Object.fromEntries(given.flatMap(([k, v]) => (typeof v === "string" ? [[k, v]] : []))),
      positionals,
    };
  } catch (error) {
    const known = [...SWITCHES, ...own].map((option) => `--${option}`).join(", ");
    console.error(`${messageOf(error)}\noptions of ${name}: ${known}`);
    process.exit(2);
  }
}

/** What is printed from now on. */
function listen(): string[] {
  const lines: string[] = [];
  const print = console.log;
  console.log = (...values: unknown[]) => {
    lines.push(format(...values));
    print(...values);
  };
  return lines;
}

function isForPeople(line: string): boolean {
  return !line.startsWith("{");
}
