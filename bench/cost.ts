/**
 * What an hour of call audio costs in processor time, and how that grows with the length of utterances, the number of
 * calls and the length of a call. Processor time is that of all threads of this process: server, models and the
 * carrier's side, which is a few percent.
 */
import { loadConfig } from "../src/app/config.ts";
import { type Engine, startEngine } from "../src/app/engine.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { PHONE_RATE_HZ } from "../src/base/time.ts";
import { callFromSounds } from "../src/cli/replay/sound-call.ts";
import { spokenOf } from "./accuracy/speech.ts";
import { asMulaw, type Clip, clipOf, readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { join, withoutPauses } from "./recordings/utterances.ts";
import { type BenchServer, startBenchServer } from "./server.ts";
import { samplesOf } from "./sounds/signals.ts";
import { machineName } from "./yardstick.ts";

const UTTERANCE_SECONDS = [1, 2, 4, 8, 15, 29];
const REPEATS = 3;
const CALLS = [1, 4, 16];
const CALL_SECONDS = 30;
/** Speech in the calls that are played at once. */
const BUSY_SHARE = 0.45;
const CALL_MINUTES = [1, 10, 60, 240];
/** Speech in the calls whose length is varied: silence mostly. */
const QUIET_SHARE = 0.1;
/** Limits of `--check`: how much dearer a second, an hour of several calls, and a minute of a long call may be. */
const UTTERANCE_GROWTH = 1.5;
const CALLS_GROWTH = 1.3;
const LENGTH_GROWTH = 1.3;
/** Memory after a call of four hours above that after one of ten minutes; the sound itself is 115 MB. */
const MEMORY_GROWTH_MB = 150;

interface Cost {
  of: number;
  /** Processor seconds per hour of audio. */
  cpuPerHour: number;
  rssMb: number;
}

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const { asr, models } = loadConfig({ environment: {}, overrides: { insecure: true, host: "127.0.0.1" } });
  const engine = await startEngine({ asr, models, logger: silentLogger, counters: new Counters() });
  const server = await startBenchServer(engine);
  const speech = join(readClips(speechFolder(args[0])).map((clip) => withoutPauses(clip)));
  console.log(
    `${machineName()}; ${asr.model}, beam ${asr.beam}, ${engine.workers} x ${engine.threads} thread(s)`,
  );
  await recogniseFor(engine, speech, 4);
  const utterances = await series(UTTERANCE_SECONDS, (seconds) => recogniseFor(engine, speech, seconds));
  print("processor seconds per hour of speech, by the length of utterances", "s", utterances);
  const calls = await series(CALLS, (count) => playAtOnce(server, speech, count));
  const busy = `${100 * BUSY_SHARE} % speech`;
  print(`processor seconds per hour of call, ${busy}, by the number of calls at once`, "calls", calls);
  const lengths = await series(CALL_MINUTES, (minutes) => playLong(server, speech, minutes));
  const quiet = `${100 * QUIET_SHARE} % speech`;
  print(`processor seconds per hour of call, ${quiet}, by the length of the call`, "minutes", lengths);
  await server.stop();
  await engine.close();
  const faults = faultsOf(utterances, calls, lengths);
  for (const fault of faults) console.log(`beyond the limit: ${fault}`);
  if (check && faults.length > 0) process.exitCode = 1;
  if (json) console.log(JSON.stringify({ utterances, calls, lengths }));
}

async function series(sizes: readonly number[], measure: (size: number) => Promise<number>): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const of of sizes) {
    const cpuPerHour = Math.round(await measure(of));
    costs.push({ of, cpuPerHour, rssMb: Math.round(process.memoryUsage.rss() / 2 ** 20) });
  }
  return costs;
}

/** Processor time of `work` per hour of audio, s. */
async function costOf(audioSeconds: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 1e6 / audioSeconds) * 3600;
}

/** The cheapest of three utterances of that length, each of other speech. */
async function recogniseFor(engine: Engine, speech: Clip, seconds: number): Promise<number> {
  let least = Infinity;
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const from = samplesOf(repeat * seconds);
    const pcm8k = speech.pcm8k.slice(from, from + samplesOf(seconds));
    const spoken = spokenOf(clipOf(speech, pcm8k));
    const work = async () => await engine.recogniser.recognise([spoken])[0];
    least = Math.min(least, await costOf(seconds, work));
  }
  return least;
}

async function playAtOnce(server: BenchServer, speech: Clip, count: number): Promise<number> {
  const calls = Array.from({ length: count }, (_, index) => soundOf(speech, CALL_SECONDS, BUSY_SHARE, index));
  return await costOf(count * CALL_SECONDS, async () =>
    Promise.all(calls.map((sound) => server.play(callFromSounds([sound], { mode: "connect" }), "max"))),
  );
}

async function playLong(server: BenchServer, speech: Clip, minutes: number): Promise<number> {
  const sound = soundOf(speech, minutes * 60, QUIET_SHARE, 0);
  return await costOf(minutes * 60, async () =>
    server.play(callFromSounds([sound], { mode: "connect" }), "max"),
  );
}

/** In every half minute, `share` of it speech, then silence; from the `index`-th piece of the speech on. */
function soundOf({ pcm8k }: Clip, seconds: number, share: number, index: number): Uint8Array {
  const period = samplesOf(30);
  const spoken = Math.round(share * period);
  const pieces = Math.floor(pcm8k.length / spoken);
  const sound = new Uint8Array(samplesOf(seconds));
  for (let at = 0; at < sound.length; at += period) {
    const half = new Float32Array(period);
    const from = ((index + at / period) % pieces) * spoken;
    half.set(pcm8k.subarray(from, from + spoken), PHONE_RATE_HZ);
    sound.set(asMulaw(half).subarray(0, sound.length - at), at);
  }
  return sound;
}

function print(title: string, unit: string, costs: readonly Cost[]): void {
  console.log(`\n${title}`);
  for (const { of, cpuPerHour, rssMb } of costs) {
    console.log(
      `${String(of).padStart(5)} ${unit.padEnd(8)} ${String(cpuPerHour).padStart(5)} s   memory ${rssMb} MB`,
    );
  }
}

function faultsOf(utterances: readonly Cost[], calls: readonly Cost[], lengths: readonly Cost[]): string[] {
  const growth = (costs: readonly Cost[], from: number): number => {
    const last = costs.at(-1) as Cost;
    return last.cpuPerHour / (costs.find(({ of }) => of === from) as Cost).cpuPerHour;
  };
  const [ten, longest] = [lengths.find(({ of }) => of === 10), lengths.at(-1)] as [Cost, Cost];
  return [
    ...(growth(utterances, 4) > UTTERANCE_GROWTH
      ? ["long utterances are dearer by the second than short ones"]
      : []),
    ...(growth(calls, 1) > CALLS_GROWTH ? ["many calls are dearer by the hour than one"] : []),
    ...(growth(lengths, 10) > LENGTH_GROWTH ? ["a long call is dearer by the minute than a short one"] : []),
    ...(longest.rssMb - ten.rssMb > MEMORY_GROWTH_MB ? ["memory grows with the length of a call"] : []),
  ];
}
