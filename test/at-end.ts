/**
 * Closes what the test files of one process share when the last of them has run.
 */
import { after } from "node:test";

const closers: (() => Promise<void>)[] = [];

// At the top of whichever module of a process comes first: a hook of the whole run and of no file.
after(async () => {
  for (const close of closers) await close();
});

export function atEnd(close: () => Promise<void>): void {
  closers.push(close);
}
