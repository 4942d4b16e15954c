/**
 * Runs several test files in one process, each as a suite of its name, one after the other: starting a process for
 * each would take longer than most files.
 */
import "./at-end.ts";
import "./seed.ts";
import assert from "node:assert/strict";
import { after, beforeEach, describe, test } from "node:test";
import { pathToFileURL } from "node:url";

export interface TestFile {
  /** As the suite is called. */
  name: string;
  /** Absolute. */
  path: string;
}

/**
 * A file that cannot be loaded, of which no test runs, or that ends the process, fails. The first test waits until all files are loaded, so
 * that loading disturbs nothing that is timed.
 *
 * @param timeoutMs - For each file.
 */
export function runTogether(files: readonly TestFile[], timeoutMs: number): void {
  const unfinished = new Set(files);
  process.once("exit", () => {
    if (unfinished.size === 0) return;
    console.error(`The process ended before ${[...unfinished].map(({ name }) => name).join(", ")}`);
    process.exitCode = 1;
  });
  let left = files.length;
  let start = () => {};
  const loaded = new Promise<void>((resolve) => {
    start = resolve;
  });
  for (const file of files) {
    describe(file.name, { timeout: timeoutMs }, async () => {
      after(() => unfinished.delete(file));
      await load(file);
      left -= 1;
      if (left === 0) start();
      await loaded;
    });
  }
}

/** Within its suite. */
async function load({ path }: TestFile): Promise<void> {
  let tests = 0;
  beforeEach(() => {
    tests += 1;
  });
  after(() => assert.notEqual(tests, 0, "no test of this file ran"));
  try {
    await import(pathToFileURL(path).href);
  } catch (error) {
    test("the file is loaded", () => {
      throw error;
    });
  }
}
