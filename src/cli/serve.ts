/**
 * `linescribe serve`: runs the server until a signal ends it.
 */
import { loadConfig, redacted } from "../app/config.ts";
import { createLogger } from "../app/logger.ts";
import { startServer } from "../app/server.ts";
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";

export interface ServeOptions {
  config?: string;
  host?: string;
  port?: number;
  insecure?: boolean;
}

/** How long after the time that the server gives itself for draining the process ends in any case. */
const GRACE_MS = 1000;
/** Ctrl-C under npm comes twice, from the terminal and from npm: the copy is not a second wish. */
const SAME_KEY_MS = 200;

/**
 * Resolves when the server listens; the process goes on until it is told to stop.
 *
 * First SIGTERM or SIGINT: drains and exits 0. When that takes longer than `limits.drainMs`, or at the second signal, the
 * process kills itself (SIGKILL, 137 to a shell); the next start takes up what was left.
 *
 * @throws {LinescribeError} whatever keeps the server from starting.
 */
export async function serve({ config: file, ...overrides }: ServeOptions): Promise<void> {
  const config = loadConfig({ file, overrides });
  const logger = createLogger(config.logLevel);
  exitOnFault(logger);
  const signals = new Signals(logger);
  logger.info({ config: redacted(config) }, "configuration");
  const server = await startServer({ config, logger });
  signals.stopWith(() => server.stop(), config.limits.drainMs + GRACE_MS);
}

/**
 * Ends the process without another step. `process.exit` would stop the recognition workers first, and ONNX Runtime
 * answers that with an abort and a core dump when one is in the middle of a run. What was committed is safe either way.
 */
function exitNow(): void {
  process.kill(process.pid, "SIGKILL");
}

/** A state that nobody foresaw is left by exiting: what was committed is safe, and the next start takes up the calls. */
function exitOnFault(logger: Logger): void {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      const stack = error instanceof Error ? error.stack : undefined;
      logger.error({ event, reason: messageOf(error), stack }, "unexpected error, exiting");
      exitNow();
    });
  }
}

class Signals {
  readonly #logger: Logger;
  #stop: (() => Promise<void>) | null = null;
  #deadlineMs = 0;
  #firstAt: number | null = null;

  constructor(logger: Logger) {
    this.#logger = logger;
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => this.#received(signal));
  }

  stopWith(stop: () => Promise<void>, deadlineMs: number): void {
    this.#stop = stop;
    this.#deadlineMs = deadlineMs;
  }

  #received(signal: "SIGTERM" | "SIGINT"): void {
    const now = performance.now();
    if (this.#firstAt !== null) {
      if (signal === "SIGINT" && now - this.#firstAt < SAME_KEY_MS) return;
      this.#logger.warn({ signal }, "second signal, exiting now");
      exitNow();
      return;
    }
    this.#firstAt = now;
    this.#logger.info({ signal }, "stopping");
    // Nothing was accepted yet while the server is still starting.
    if (this.#stop === null) process.exit(0);
    setTimeout(() => {
      this.#logger.error({ limitMs: this.#deadlineMs }, "did not stop in time, exiting");
      exitNow();
    }, this.#deadlineMs);
    this.#stop().then(
      () => process.exit(0),
      (error: unknown) => {
        this.#logger.error({ reason: messageOf(error) }, "did not stop cleanly");
        process.exit(1);
      },
    );
  }
}
