/**
 * How many calls the engine holds without sockets, how many the whole product with them, and what lies between.
 */
import { type Config, chooseThreads, loadConfig } from "../../src/app/config.ts";
import { startEngine } from "../../src/app/engine.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { SERVER_HEADINGS, serverCells } from "../calls.ts";
import type { BenchEngine } from "../calls-server.ts";
import { climb, heldOf, type Rung } from "../climb.ts";
import type { Clip } from "../corpus.ts";
import type { Delays } from "../held.ts";
import { percentile } from "../percentile.ts";
import { ADMITTED, SocketCalls, type SocketOutcome } from "../socket-calls.ts";
import { EngineCalls, type EngineOutcome } from "./engine-calls.ts";
import { startForcedEngine } from "./forced-engine.ts";
import type { BenchModel } from "./model.ts";
import type { GpuOptions, Load } from "./options.ts";
import type { Place } from "./place.ts";

export interface HoldOptions {
  options: GpuOptions;
  place: Place;
  model: BenchModel;
  engine: BenchEngine;
  clips: readonly Clip[];
}

/** Calls held; null where the load was not played. */
export interface Held {
  heldWithPartials: number | null;
  heldFinalsOnly: number | null;
}

export interface HeldCalls extends Held {
  rungs: RungFacts[];
  sockets: Held & { rungs: RungFacts[] };
}

/** One rung, for programs. */
interface RungFacts {
  load: Load;
  calls: number;
  held: boolean;
  finalP95Ms: number;
  wordLagP95Ms: number;
  shownShare: number;
  cores: number;
  /** Watts for each call; null where the driver does not tell. */
  wattsPerCall?: number | null;
  card?: EngineOutcome["card"];
}

export async function holdCalls(given: HoldOptions): Promise<HeldCalls> {
  const engineRungs = await withoutSockets(given);
  const socketRungs = await withSockets(given, engineRungs);
  printNetwork(engineRungs, socketRungs);
  const rungs = factsOf(engineRungs, ({ cores, card }, count) => {
    const wattsPerCall = card?.wattsP50 ? card.wattsP50 / count : null;
    return { cores, card, wattsPerCall };
  });
  const sockets = factsOf(socketRungs, (outcome) => ({ cores: serverCores(outcome) }));
  return {
    ...heldCounts(engineRungs),
    rungs,
    sockets: { ...heldCounts(socketRungs), rungs: sockets },
  };
}

type Rungs<T> = Map<Load, Rung<T>[]>;

/** The server's engine, or for random weights one that makes them work. */
async function startEngineFor(
  { options, place, model, engine }: HoldOptions,
  { asr, vad }: Config,
  counters: Counters,
) {
  const { tokensPerSecond } = options;
  const vadWorkers = vad.workers;
  if (tokensPerSecond === null) {
    return startEngine({ asr, models: engine.models, vadWorkers, logger: silentLogger, counters });
  }
  const { device } = place;
  return startForcedEngine({ model, device, tokensPerSecond, vadWorkers, ...chooseThreads(asr), counters });
}

async function withoutSockets(given: HoldOptions): Promise<Rungs<EngineOutcome>> {
  const { options, place, engine, clips } = given;
  const rungs: Rungs<EngineOutcome> = new Map();
  if (options.calls.length === 0) return rungs;
  // Threads of speech detection are as many as the calls need, and the machine has.
  const limits = { calls: Math.max(ADMITTED, ...options.calls) };
  const config = loadConfig({ file: null, environment: {}, overrides: { asr: engine.asr, limits } });
  const counters = new Counters();
  const started = await startEngineFor(given, config, counters);
  try {
    const wordless = options.tokensPerSecond !== null;
    const { card } = place;
    const { callMs } = options;
    const calls = new EngineCalls({ engine: started, counters, config, clips, callMs, wordless, card });
    for (const load of options.loads) {
      const workers = `${started.workers} worker(s) of ${started.threads} thread(s) on the processor`;
      console.log(`\n${load}, without sockets: ${workers}, ${config.vad.workers} for speech detection`);
      const climbed = await climb({
        ladder: options.calls,
        partials: load === "partials",
        measure: (count) => calls.measure(count, load),
        headings: [
          "cores",
          "main %",
          "loop p99",
          "RSS MB",
          "card %",
          "W p50",
          "W max",
          "W a call",
          "card MiB",
        ],
        cells: engineCells,
      });
      rungs.set(load, climbed);
      console.log(`${load}: ${heldOf(climbed)} calls held without sockets`);
    }
  } finally {
    await started.close();
  }
  return rungs;
}

function engineCells({ cores, mainBusy, loopP99Ms, rssMb, card }: EngineOutcome, count: number): string[] {
  const { wattsP50 = null, wattsMax = null, usedMibMax = null, busyPercentP50 = null } = card ?? {};
  const told = (value: number | null, digits = 0) => value?.toFixed(digits) ?? "-";
  return [
    cores.toFixed(2),
    (100 * mainBusy).toFixed(0),
    loopP99Ms.toFixed(1),
    `${rssMb}`,
    told(busyPercentP50),
    told(wattsP50),
    told(wattsMax),
    told(wattsP50 && wattsP50 / count, 2),
    told(usedMibMax),
  ];
}

/** Through the whole product: as was asked, or from what was held without sockets downwards until it is held. */
async function withSockets(
  { options, engine, clips }: HoldOptions,
  before: Rungs<EngineOutcome>,
): Promise<Rungs<SocketOutcome>> {
  const rungs: Rungs<SocketOutcome> = new Map();
  if (options.tokensPerSecond !== null) {
    console.log("\nwith sockets: left out, for finals of random weights have no words to deliver");
    return rungs;
  }
  for (const load of options.loads) {
    const most = heldOf(before.get(load) ?? []);
    const ladder = options.sockets ?? options.calls.filter((count) => count <= most);
    if (ladder.length === 0) continue;
    const calls = await SocketCalls.start({
      load,
      clips,
      callMs: options.callMs,
      admitted: Math.max(...ladder),
      engine,
    });
    console.log(`\n${load}, with sockets: server with ${calls.description}`);
    try {
      const climbed = await climb({
        ladder,
        direction: options.sockets ? "up" : "down",
        partials: load === "partials",
        measure: (count) => calls.measure(count),
        headings: SERVER_HEADINGS,
        cells: serverCells,
      });
      rungs.set(load, climbed);
      console.log(`${load}: ${heldOf(climbed)} calls held with sockets`);
    } finally {
      await calls.stop();
    }
  }
  return rungs;
}

/** What sockets, store and delivery add at the largest number of calls that was played both ways. */
function printNetwork(engine: Rungs<EngineOutcome>, sockets: Rungs<SocketOutcome>): void {
  for (const [load, rungs] of sockets) {
    const both = rungs.flatMap((through) => {
      const without = engine.get(load)?.find(({ count }) => count === through.count);
      return without ? [{ count: through.count, through: through.outcome, without: without.outcome }] : [];
    });
    const [most] = both.toSorted((a, b) => b.count - a.count);
    if (!most) continue;
    const { count, through, without } = most;
    console.log(`\nshare of the network, ${load}, ${count} calls`);
    const p95 = (values: number[]) => percentile(values, 0.95);
    printShare("final p95, ms", p95(without.finals), p95(through.finals), 0);
    if (load === "partials") printShare("word lag p95, ms", p95(without.lags), p95(through.lags), 0);
    printShare("cores", without.cores, serverCores(through), 2);
  }
}

function printShare(what: string, without: number, through: number, digits: number): void {
  const [less, more, added] = [without, through, through - without].map((value) => value.toFixed(digits));
  const share = Math.round((100 * (through - without)) / through);
  console.log(`  ${what.padEnd(18)} ${less} without sockets, ${more} with: ${added} more, ${share} %`);
}

function serverCores({ figures, seconds }: SocketOutcome): number {
  return figures.cpuMs / seconds / 1000;
}

function heldCounts(rungs: Rungs<unknown>): Held {
  const held = (load: Load) => (rungs.has(load) ? heldOf(rungs.get(load) ?? []) : null);
  return { heldWithPartials: held("partials"), heldFinalsOnly: held("finals") };
}

function factsOf<T extends Delays>(
  rungs: Rungs<T>,
  own: (outcome: T, count: number) => Pick<RungFacts, "cores" | "wattsPerCall" | "card">,
): RungFacts[] {
  return [...rungs].flatMap(([load, climbed]) =>
    climbed.map(({ count, outcome, faults }) => ({
      load,
      calls: count,
      held: faults.length === 0,
      finalP95Ms: Math.round(percentile(outcome.finals, 0.95)),
      wordLagP95Ms: Math.round(percentile(outcome.lags, 0.95)),
      shownShare: Number(outcome.rates.shown.toFixed(3)),
      ...own(outcome, count),
    })),
  );
}
