/**
 * Word error rate, delay and speed of the shipped default configuration, on clips with known words.
 *
 * `isolated`: each clip straight into the recogniser, one at a time. `live`: the clips strung into calls of 12 with
 * 1 s between, played in real time by the carrier's side through webhook, media socket, voice activity detection,
 * engine and outbox to a receiver that verifies signatures.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { loadConfig } from "../src/app/config.ts";
import { type Engine, startEngine } from "../src/app/engine.ts";
import { startServer } from "../src/app/server.ts";
import { resample } from "../src/audio/resample.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { replayCall } from "../src/cli/replay/replay.ts";
import { callFromClips } from "../src/cli/replay/sound-call.ts";
import { normalizeEnglish } from "../src/score/normalizer.ts";
import { wordErrorRate } from "../src/score/wer.ts";
import { type Arrival, SECRET, startReceiver } from "../test/e2e/receiver.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { percentile } from "./percentile.ts";
import { machineGflops, machineName } from "./yardstick.ts";

/** Limits of `--check`. */
const ISOLATED_WER = 0.072;
const LIVE_WER = 0.085;
/**
 * Times real time, one utterance at a time, on two cores that multiply float32 at REFERENCE_GFLOPS (two cores with
 * AVX-512). A slower machine owes as much less as its own float32 speed, measured in the same run, is less.
 */
const REAL_TIME_FACTOR = 40;
const REFERENCE_GFLOPS = 360;
/** Neighbours on a shared machine come and go between the two measurements. */
const SPEED_TOLERANCE = 0.75;

const CLIPS_PER_CALL = 12;
const GAP_MS = 1000;
/** Calls played at once: what the delay was measured under. */
const CALLS_AT_ONCE = 4;
/** A machine that cannot keep up is measured all the same. */
const CALL_END_WAIT_MS = 600_000;
const AUTH_TOKEN = "bench";

interface Pair {
  speakers: string[];
  reference: string;
  hypothesis: string;
}

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const folder = speechFolder(args[0]);
  const clips = readClips(folder);
  const config = loadConfig({
    environment: {},
    file: undefined,
    overrides: { insecure: true, host: "127.0.0.1" },
  });
  const counters = new Counters();
  const engine = await startEngine({ asr: config.asr, logger: silentLogger, counters });
  const seconds = clips.reduce((sum, clip) => sum + clip.seconds, 0);
  const gflops = await machineGflops(engine.threads);
  console.log(`${machineName()}, ${Math.round(gflops)} GFLOP/s float32 on ${engine.threads} threads`);
  console.log(
    `${config.asr.model}, beam ${config.asr.beam}, ${engine.workers} worker(s) of ${engine.threads} thread(s)`,
  );
  console.log(`${clips.length} clips, ${(seconds / 60).toFixed(1)} minutes, Whisper's English normaliser`);
  const isolated = await measureIsolated(engine, clips, seconds);
  const live = await measureLive(engine, clips);
  await engine.close();
  const limit = SPEED_TOLERANCE * REAL_TIME_FACTOR * Math.min(1, gflops / REFERENCE_GFLOPS);
  printTable(isolated, live, limit);
  const faults = [
    ...(isolated.all > ISOLATED_WER ? [`isolated word error rate above ${ISOLATED_WER}`] : []),
    ...(live.all > LIVE_WER ? [`live word error rate above ${LIVE_WER}`] : []),
    ...(isolated.realTimeFactor < limit ? [`slower than ${limit.toFixed(1)} times real time`] : []),
    ...(live.lost > 0 ? [`${live.lost} finals did not arrive`] : []),
    ...(live.errors > 0 ? [`${live.errors} carrier errors`] : []),
  ];
  for (const fault of faults) console.log(`beyond the limit: ${fault}`);
  if (check && faults.length > 0) process.exitCode = 1;
  if (!json) return;
  const round = (value: number, digits = 4): number => Number(value.toFixed(digits));
  const delayMs = {
    p50: Math.round(percentile(live.delays, 0.5)),
    p95: Math.round(percentile(live.delays, 0.95)),
  };
  console.log(
    JSON.stringify({
      isolated: { wer: round(isolated.all), realTimeFactor: round(isolated.realTimeFactor, 1) },
      live: { wer: round(live.all), delayMs },
      machineGflops: Math.round(gflops),
      clips: clips.length,
    }),
  );
}

async function measureIsolated({ recogniser }: Engine, clips: readonly Clip[], seconds: number) {
  const pairs: Pair[] = [];
  let decodeMs = 0;
  for (const { pcm8k, speaker, text } of clips) {
    const pcm16k = resample(pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ);
    const startedAt = performance.now();
    const result = await recogniser.recognise([{ pcm16k, language: "en" }])[0];
    decodeMs += performance.now() - startedAt;
    pairs.push({ speakers: [speaker], reference: text, hypothesis: result?.text ?? "" });
  }
  return { ...rates(pairs), realTimeFactor: (seconds * 1000) / decodeMs };
}

async function measureLive(engine: Engine, clips: readonly Clip[]) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-bench-"));
  const receiver = await startReceiver();
  const config = loadConfig({
    environment: {},
    overrides: {
      insecure: true,
      host: "127.0.0.1",
      port: 0,
      store: { path: path.join(folder, "linescribe.db") },
      callback: { url: receiver.url, secrets: [SECRET] },
      numbers: [{ number: "*", mode: "connect" }],
    },
  });
  const server = await startServer({ config, logger: silentLogger, engine });
  // One speaker a call where possible: callers do not change in mid-call.
  const ordered = [...clips].sort((a, b) => (a.speaker < b.speaker ? -1 : a.speaker > b.speaker ? 1 : 0));
  const waiting: Clip[][] = [];
  for (let at = 0; at < ordered.length; at += CLIPS_PER_CALL)
    waiting.push(ordered.slice(at, at + CLIPS_PER_CALL));
  const result = { pairs: [] as Pair[], delays: [] as number[], lost: 0, errors: 0 };
  const playNext = async (): Promise<void> => {
    for (let call = waiting.shift(); call; call = waiting.shift()) {
      const strung = callFromClips(call, GAP_MS);
      const voiceUrl = `${server.url}/twilio/voice`;
      const report = await replayCall({ voiceUrl, authToken: AUTH_TOKEN, call: strung.call, speed: 1 });
      result.errors += report.errors.length;
      const arrivals = await receiver.ended(report.callSid, CALL_END_WAIT_MS);
      const startedAt = report.streams[0]?.startedAt ?? 0;
      const finals = finalsOf(arrivals);
      const stored = server.store.events(report.callSid).filter(({ type }) => type === "transcript.final");
      result.lost += stored.length - finals.length;
      result.pairs.push({
        speakers: call.map(({ speaker }) => speaker),
        reference: call.map(({ text }) => text).join(" "),
        hypothesis: finals.map(({ text }) => text).join(" "),
      });
      for (const [index, { startMs }] of strung.clips.entries()) {
        const endMs = startMs + (call[index] as Clip).speechEndMs;
        const final = finals.find((candidate) => candidate.startMs < endMs && candidate.endMs >= endMs);
        if (final) result.delays.push(final.at - (startedAt + endMs));
      }
    }
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, playNext));
  await server.stop();
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
  return { ...result, ...rates(result.pairs), calls: result.pairs.length };
}

function finalsOf(arrivals: readonly Arrival[]) {
  return arrivals.flatMap(({ event, at }) => (event.type === "transcript.final" ? [{ ...event, at }] : []));
}

/** Word error rates of all pairs, and of those whose speakers are in either half of speakers.json. */
function rates(pairs: readonly Pair[]) {
  const halves = JSON.parse(readFileSync(path.join(import.meta.dirname, "speakers.json"), "utf8"));
  const of = (chosen: readonly Pair[]) => wordErrorRate([...chosen], normalizeEnglish);
  const half = (name: "tune" | "report") =>
    of(pairs.filter(({ speakers }) => speakers.every((speaker) => halves[name].includes(speaker)))).wer;
  const total = of(pairs);
  return { all: total.wer, tune: half("tune"), report: half("report"), counts: total };
}

type Rates = ReturnType<typeof rates>;

function printTable(
  isolated: Rates & { realTimeFactor: number },
  live: Rates & { delays: number[]; lost: number; calls: number },
  limit: number,
): void {
  const row = (name: string, { all, tune, report, counts }: Rates): string => {
    const percent = (value: number) => (100 * value).toFixed(2).padStart(6);
    const { substitutions, deletions, insertions } = counts;
    return `${name.padEnd(10)}${percent(all)} ${percent(tune)} ${percent(report)}   ${substitutions} / ${deletions} / ${insertions}`;
  };
  const ms = (share: number) => `${Math.round(percentile(live.delays, share))} ms`;
  console.log("\n          WER %   tune report   sub / del / ins");
  console.log(row("isolated", isolated));
  console.log(row("live", live));
  console.log(
    `\nspeed, one utterance at a time: ${isolated.realTimeFactor.toFixed(1)} times real time (limit here ${limit.toFixed(1)})`,
  );
  console.log(
    `delay from the last speech sample to the webhook, ${CALLS_AT_ONCE} calls at once: p50 ${ms(0.5)}, p95 ${ms(0.95)} (${live.delays.length} clips, ${live.calls} calls, ${live.lost} finals lost)`,
  );
}
