/**
 * The server of `bench -- calls`, in a process of its own: settings as JSON from the command line, partials and figures
 * over the channel to its parent.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { loadConfig } from "../src/app/config.ts";
import { startEngine } from "../src/app/engine.ts";
import { startServer } from "../src/app/server.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import type { TranscriptPartial } from "../src/transcript/partial.ts";

/** Where the models lie, and `asr` of the configuration. */
export interface BenchEngine {
  /** Folder of models that is looked in beside the package's. */
  models: string;
  asr: Record<string, unknown>;
}

export interface CallsServerSettings {
  settings: Record<string, unknown>;
  partials: boolean;
  /** Another engine than that of the settings. */
  engine?: BenchEngine;
}

export interface ServerFigures {
  /** Processor time since the start of the measurement, ms. */
  cpuMs: number;
  rssMb: number;
  loopP99Ms: number;
  /** Time in which the main thread was not waiting, ms. */
  mainMs: number;
  counters: Record<string, number>;
}

export type FromServer =
  | { type: "listening"; url: string; workers: number; threads: number }
  | { type: "partial"; partial: TranscriptPartial; at: number }
  | { type: "figures"; figures: ServerFigures };

const options = JSON.parse(process.argv[2] ?? "{}") as CallsServerSettings;
const { partials, engine: special } = options;
const settings = special ? { ...options.settings, asr: special.asr } : options.settings;
const send = (message: FromServer): void => void process.send?.(message);
const config = loadConfig({ file: null, environment: {}, overrides: settings });
const counters = new Counters();
const engine = special
  ? await startEngine({
      asr: config.asr,
      models: special.models,
      vadWorkers: config.vad.workers,
      logger: silentLogger,
      counters,
    })
  : null;
const server = await startServer({
  config,
  logger: silentLogger,
  ...(engine ? { engine, counters } : {}),
  ...(partials
    ? { onPartial: (partial: TranscriptPartial) => send({ type: "partial", partial, at: Date.now() }) }
    : {}),
});
let used = process.cpuUsage();
let before = server.counters.snapshot();
let mainBefore = performance.eventLoopUtilization();
const loop = monitorEventLoopDelay({ resolution: 1 });
loop.enable();

process.on("message", async (message: "begin" | "end" | "stop") => {
  if (message === "begin") {
    used = process.cpuUsage();
    before = server.counters.snapshot();
    mainBefore = performance.eventLoopUtilization();
    loop.reset();
  } else if (message === "end") {
    const { user, system } = process.cpuUsage(used);
    const counters = Object.fromEntries(
      Object.entries(server.counters.snapshot()).map(([name, value]) => [name, value - (before[name] ?? 0)]),
    );
    const figures = {
      cpuMs: (user + system) / 1000,
      rssMb: Math.round(process.memoryUsage().rss / 1e6),
      loopP99Ms: loop.percentile(99) / 1e6,
      mainMs: performance.eventLoopUtilization(mainBefore).active,
      counters,
    };
    send({ type: "figures", figures });
  } else {
    await server.stop();
    await engine?.close();
    process.exit(0);
  }
});
const { workers, threads } = server.engine;
send({ type: "listening", url: server.url, workers, threads });
