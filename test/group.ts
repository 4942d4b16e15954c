/**
 * Runs several test files in one process, each as a suite of its name, one after the other: starting a process for
 * each would take longer than most files.
 */
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
 * The first test waits until all files are loaded, so that loading disturbs nothing that is timed.
 * @param timeoutMs - For each file, and for each of its tests.
 */
export function runTogether(files: readonly TestFile[], timeoutMs: number): void {
  let done = () => {};
  const loaded = new Promise<void>((resolve) => {
    done = resolve;
  });
  let left = files.length;
  for (const { name, path } of files) {
    describe(name, { timeout: timeoutMs }, async () => {
      let ran = 0;
      beforeEach(() => {
        ran += 1;
      });
      after(() => assert.notEqual(ran, 0, "the file has tests"));
      try {
        await import(pathToFileURL(path).href);
      } catch (error) {
        test("the file can be loaded", () => {
          throw error;
        });
      }
      left -= 1;
      if (left === 0) done();
      await loaded;
    });
  }
}
