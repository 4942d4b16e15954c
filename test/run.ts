/**
 * Runs the test files of one suite: `slow`, `surfaces` and `pages` are what lies in the folders of these names, `quick`
 * is everything else.
 * Node's own runner finds no TypeScript and then exits 0; this one refuses to find nothing.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import type { TestFile } from "./group.ts";

const FOLDERS = ["slow", "surfaces", "pages"];

const [suite = "quick", ...filters] = process.argv.slice(2);
const suiteOf = (file: string): string =>
  FOLDERS.find((folder) => file.startsWith(`${folder}${path.sep}`)) ?? "quick";
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => suiteOf(file) === suite)
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort();
if (files.length === 0) {
  console.error(`no test file in suite ${suite}`);
  process.exit(1);
}

/** Ends a file or a test that hangs, so that the next ones run; generous, for no machine is too slow for it. */
const TIMEOUT_MS = suite === "quick" ? 300_000 : 1_500_000;

/** Writes a file for each folder with tests that runs all of them in one process. */
function writeGroups(into: string): string[] {
  const folders = new Map<string, string[]>();
  for (const file of files)
    folders.set(path.dirname(file), [...(folders.get(path.dirname(file)) ?? []), file]);
  return [...folders].map(([folder, members]) => {
    const group: TestFile[] = members.map((name) => ({ name, path: path.join(import.meta.dirname, name) }));
    const entry = path.join(into, `${folder}.test.mjs`);
    const runTogether = JSON.stringify(import.meta.resolve("./group.ts"));
    writeFileSync(
      entry,
      `import { runTogether } from ${runTogether};\nrunTogether(${JSON.stringify(group)}, ${TIMEOUT_MS});\n`,
    );
    return entry;
  });
}

const folder = mkdtempSync(path.join(tmpdir(), "linescribe-tests-"));
const isQuick = suite === "quick";
const run = spawnSync(
  process.execPath,
  [
    "--import",
    "tsx",
    "--test",
    "--test-reporter=spec",
    `--test-concurrency=${isQuick ? availableParallelism() : 1}`,
    ...(isQuick ? [] : [`--test-timeout=${TIMEOUT_MS}`]),
    ...(isQuick ? writeGroups(folder) : files.map((file) => path.join(import.meta.dirname, file))),
  ],
  { stdio: "inherit" },
);
rmSync(folder, { recursive: true });
process.exit(run.status ?? 1);
