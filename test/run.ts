/**
 * Runs the test files of one suite: `slow` and `surfaces` are what lies in `test/slow` and `test/surfaces`, `quick` is
 * everything else.
 * Node's own runner finds no TypeScript and then exits 0; this one refuses to find nothing.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";

const FOLDERS = ["slow", "surfaces"];

const [suite = "quick", ...filters] = process.argv.slice(2);
const suiteOf = (file: string): string =>
  FOLDERS.find((folder) => file.startsWith(`${folder}${path.sep}`)) ?? "quick";
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => suiteOf(file) === suite)
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .map((file) => path.join(import.meta.dirname, file));
if (files.length === 0) {
  console.error(`no test file in suite ${suite}`);
  process.exit(1);
}

/** Ends a test that hangs, so that the next ones run; generous, for no machine is too slow for it. */
const TIMEOUT_MS = suite === "quick" ? 300_000 : 1_500_000;

const run = spawnSync(
  process.execPath,
  [
    "--import",
    "tsx",
    "--test",
    "--test-reporter=spec",
    `--test-timeout=${TIMEOUT_MS}`,
    `--test-concurrency=${suite === "quick" ? availableParallelism() : 1}`,
    ...files,
  ],
  { stdio: "inherit" },
);
process.exit(run.status ?? 1);
