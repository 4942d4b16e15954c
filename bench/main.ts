/**
 * `npm run bench -- NAME [ARGUMENTS] [--json] [--check] [--save]`
 *
 * `--json` prints one JSON object as the last line; `--check` exits 1 beyond the limits that the bench names; `--save`
 * keeps what was printed in `RESULTS.md`.
 */
import { format } from "node:util";
import { saveResults } from "./results.ts";

const BENCHES: Record<string, () => Promise<{ run(args: string[], options: BenchOptions): Promise<void> }>> =
  {
    accuracy: () => import("./accuracy.ts"),
    calls: () => import("./calls.ts"),
    cost: () => import("./cost.ts"),
    engine: () => import("./engine.ts"),
    hints: () => import("./hints.ts"),
    loop: () => import("./loop.ts"),
    sessions: () => import("./sessions.ts"),
    store: () => import("./store.ts"),
    sockets: () => import("./sockets.ts"),
    timing: () => import("./timing.ts"),
    vad: () => import("./vad.ts"),
  };
const OPTIONS = ["--json", "--check", "--save"];

export interface BenchOptions {
  json: boolean;
  check: boolean;
}

const [name = "", ...rest] = process.argv.slice(2);
const load = BENCHES[name];
if (!load) {
  const options = OPTIONS.map((option) => `[${option}]`).join(" ");
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [ARGUMENTS] ${options}`);
  process.exit(2);
}
const args = rest.filter((argument) => !argument.startsWith("--"));
const unknown = rest.find((argument) => argument.startsWith("--") && !OPTIONS.includes(argument));
if (unknown) {
  console.error(`unknown option ${unknown}`);
  process.exit(2);
}
const printed = rest.includes("--save") ? listen() : null;
await (await load()).run(args, { json: rest.includes("--json"), check: rest.includes("--check") });
if (printed) saveResults(name, args, printed.filter(isForPeople));

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
