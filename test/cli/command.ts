/**
 * Runs the real command in a process of its own, in an empty folder and with no setting from outside.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

export const ROOT = path.resolve(import.meta.dirname, "../..");

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A folder that is removed after the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-cli-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts `linescribe ...args`; the caller waits for it or ends it. */
export function start(args: readonly string[], cwd: string, environment: NodeJS.ProcessEnv = {}) {
  const tsx = import.meta.resolve("tsx");
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("LINESCRIBE_"));
  return spawn(process.execPath, ["--import", tsx, path.join(ROOT, "src/cli/main.ts"), ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), NO_COLOR: "1", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export function run(
  args: readonly string[],
  cwd: string = tmpdir(),
  environment: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const child = start(args, cwd, environment);
  const ended: Ended = { code: null, stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    ended.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    ended.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...ended, code }));
  });
}

/** One JSON value a line. */
export function jsonLines<T>(text: string): T[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}
