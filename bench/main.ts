/**
 * `npm run bench -- NAME [ARGUMENTS] [--json] [--check]`
 *
 * `--json` prints one JSON object as the last line; `--check` exits 1 beyond the limits that the bench names.
 */
const BENCHES: Record<string, () => Promise<{ run(args: string[], options: BenchOptions): Promise<void> }>> =
  {
    accuracy: () => import("./accuracy.ts"),
    calls: () => import("./calls.ts"),
    engine: () => import("./engine.ts"),
    hints: () => import("./hints.ts"),
    loop: () => import("./loop.ts"),
    timing: () => import("./timing.ts"),
    vad: () => import("./vad.ts"),
  };

export interface BenchOptions {
  json: boolean;
  check: boolean;
}

const [name = "", ...rest] = process.argv.slice(2);
const load = BENCHES[name];
if (!load) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [ARGUMENTS] [--json] [--check]`);
  process.exit(2);
}
const args = rest.filter((argument) => !argument.startsWith("--"));
const unknown = rest.find(
  (argument) => argument.startsWith("--") && !["--json", "--check"].includes(argument),
);
if (unknown) {
  console.error(`unknown option ${unknown}`);
  process.exit(2);
}
await (await load()).run(args, { json: rest.includes("--json"), check: rest.includes("--check") });
