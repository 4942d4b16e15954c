/**
 * The handle of a server process: start it, wait until it listens, kill it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import type { CallLimits } from "../../src/call/call-options.ts";

export interface ChildSettings {
  /** In the shape of the configuration file. */
  settings: Record<string, unknown>;
  callLimits: Partial<CallLimits>;
  /** What every duration of the delivery schedule is multiplied with. */
  scheduleFactor: number;
}

const ENTRY = path.join(import.meta.dirname, "server-process.ts");
const START_TIMEOUT_MS = 60_000;
/** Lines of the log that are kept for a failure's message. */
const LOG_LINES = 200;

export class ServerChild {
  /** The newest lines of the log. */
  readonly log: string[] = [];
  readonly #process: ChildProcess;
  readonly #listening: Promise<string>;
  readonly #exited: Promise<{ code: number | null; signal: string | null }>;

  private constructor(process_: ChildProcess, isListening: (line: string) => string | null) {
    this.#process = process_;
    this.#exited = once(process_, "close").then(([code, signal]) => ({ code, signal }));
    this.#listening = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not listening after ${START_TIMEOUT_MS} ms`)),
        START_TIMEOUT_MS,
      );
      for (const output of [process_.stdout, process_.stderr]) {
        if (output === null) continue;
        createInterface({ input: output }).on("line", (line) => {
          this.log.push(line);
          if (this.log.length > LOG_LINES) this.log.shift();
          const url = isListening(line);
          if (url !== null) resolve(url);
        });
      }
      void this.#exited.then((exit) =>
        reject(new Error(`exited before it listened (${JSON.stringify(exit)}):\n${this.log.join("\n")}`)),
      );
      void this.#exited.finally(() => clearTimeout(timer));
      this.#process.once("error", reject);
    });
    this.#listening.catch(() => {});
  }

  /** The small entry of the slow tests. */
  static start(settings: ChildSettings): ServerChild {
    const child = spawn(process.execPath, ["--import", "tsx", ENTRY, JSON.stringify(settings)], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new ServerChild(child, (line) => /^listening (\S+)$/.exec(line)?.[1] ?? null);
  }

  /** `linescribe serve`, as an operator runs it. */
  static serve(configFile: string): ServerChild {
    const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");
    const child = spawn(process.execPath, ["--import", "tsx", main, "serve", "--config", configFile], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new ServerChild(child, (line) => /"url":"([^"]+)".*"msg":"listening"/.exec(line)?.[1] ?? null);
  }

  /** Resolves with its URL when it takes calls; rejects when it ends before. */
  listening(): Promise<string> {
    return this.#listening;
  }

  exited(): Promise<{ code: number | null; signal: string | null }> {
    return this.#exited;
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  signal(name: "SIGTERM" | "SIGINT"): void {
    this.#process.kill(name);
  }

  /** `kill -9`; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }
}
