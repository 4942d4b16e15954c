/**
 * One engine for all rigs of a process: starting it takes longer than most calls.
 */
import { loadConfig } from "../../src/app/config.ts";
import { type Engine, startEngine } from "../../src/app/engine.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { atEnd } from "../at-end.ts";

let starting: Promise<Engine> | null = null;

/** Uses one core, for another test file has the next one. Not to be closed. */
export function sharedEngine(): Promise<Engine> {
  if (starting === null) {
    const { asr } = loadConfig({ environment: {}, overrides: { asr: { workers: 1, threads: 1 } } });
    const engine = startEngine({ asr, logger: silentLogger, counters: new Counters() });
    atEnd(async () => (await engine).close());
    starting = engine;
  }
  return starting;
}
