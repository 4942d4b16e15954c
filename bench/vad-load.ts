/**
 * What speech detection costs, and how many tracks its workers carry in real time: the second half of `bench -- vad`.
 *
 * Every track hands over a frame each 32 ms, each at a time of its own, as the packets of calls do. A number of tracks is
 * carried when 95 % of the frames are answered within the length of one.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { Framer } from "../src/audio/framer.ts";
import { resample } from "../src/audio/resample.ts";
import { parseWav } from "../src/audio/wav.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { SpeechDetector } from "../src/vad/detector.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../src/vad/frame.ts";
import { Silero } from "../src/vad/silero.ts";
import { MainThreadClock } from "./main-thread.ts";
import { percentile } from "./percentile.ts";

const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/** Frames judged for each size of a batch, at least; the cheapest of three times. */
const BATCH_FRAMES = 2048;
const REPEATS = 3;
const LADDER = [100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 1000, 1200, 1600, 2000];
const SECONDS = 6;
/** Left out of the delays: the first frames of all tracks come at once. */
const WARM_UP_MS = 1000;
const CLIP = path.resolve(import.meta.dirname, "../fixtures/speech/phone/asterisk-en-vm-opts.wav");

export interface VadLoad {
  /** Processor time of one frame in a batch of so many, us. */
  batches: { tracks: number; cpuUs: number }[];
  /** The most tracks that were carried. */
  carried: { workers: number; tracks: number }[];
}

/** @param workerCounts - Numbers of workers that are tried one after the other. */
export async function measureVadLoad(
  modelPath: string,
  workerCounts: readonly number[],
  ladder: readonly number[] = LADDER,
): Promise<VadLoad> {
  const frames = speechFrames();
  console.log("\ncost of a frame (32 ms of one track) by the tracks that are judged side by side");
  const batches = await costOfBatches(modelPath, frames);
  const carried: VadLoad["carried"] = [];
  for (const workers of workerCounts) {
    console.log(
      `\n${workers} worker(s), ${SECONDS} s each: carried while 95 % are answered within ${VAD_FRAME_MS} ms`,
    );
    carried.push({ workers, tracks: await climb(modelPath, frames, workers, ladder) });
  }
  return { batches, carried };
}

/** A clip of speech at 16 kHz, in whole frames. */
function speechFrames(): Float32Array[] {
  const pcm8k = parseWav(readFileSync(CLIP)).channels[0] as Float32Array;
  return new Framer(VAD_FRAME_SAMPLES).push(resample(pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ));
}

async function costOfBatches(
  modelPath: string,
  frames: readonly Float32Array[],
): Promise<VadLoad["batches"]> {
  const silero = await Silero.load(modelPath);
  const costs: VadLoad["batches"] = [];
  for (const tracks of BATCHES) {
    const batch = Array.from({ length: tracks }, (_, stream) => ({
      stream,
      samples: frames[stream % frames.length] as Float32Array,
    }));
    const runs = Math.ceil(BATCH_FRAMES / tracks);
    let cpuUs = Infinity;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const before = process.cpuUsage();
      for (let run = 0; run < runs; run++) await silero.probabilities(batch);
      const { user, system } = process.cpuUsage(before);
      cpuUs = Math.min(cpuUs, (user + system) / runs / tracks);
    }
    costs.push({ tracks, cpuUs: Math.round(cpuUs) });
    const share = ((cpuUs / 1000 / VAD_FRAME_MS) * 100).toFixed(2);
    console.log(
      `${String(tracks).padStart(5)} tracks ${cpuUs.toFixed(0).padStart(5)} us = ${share} % of a core per track`,
    );
  }
  return costs;
}

/** The most tracks that were carried. */
async function climb(
  modelPath: string,
  frames: readonly Float32Array[],
  workers: number,
  ladder: readonly number[],
): Promise<number> {
  let most = 0;
  for (const tracks of ladder) {
    const { delays, cpu, mainCpu, rssKb } = await play(modelPath, frames, workers, tracks);
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(delays, share)) as [
      number,
      number,
      number,
    ];
    const isCarried = p95 <= VAD_FRAME_MS;
    console.log(
      `${String(tracks).padStart(5)} tracks  delay p50 ${p50.toFixed(1)} p95 ${p95.toFixed(1)} p99 ${p99.toFixed(1)} ms  ` +
        `process ${cpu.toFixed(2)} cores, main thread ${mainCpu.toFixed(2)}, ${rssKb} KB a track` +
        `${isCarried ? "" : "  not carried"}`,
    );
    if (!isCarried) break;
    most = tracks;
  }
  return most;
}

interface Played {
  /** From handing over a frame to its answer, ms, of all frames after the first second. */
  delays: number[];
  /** Cores in use: of the process, and of its main thread. */
  cpu: number;
  mainCpu: number;
  /** Growth of the process, KB per track. */
  rssKb: number;
}

async function play(
  modelPath: string,
  frames: readonly Float32Array[],
  workers: number,
  count: number,
): Promise<Played> {
  const counters = new Counters();
  const options = { modelPath, logger: silentLogger, counters, workers };
  const detector = await SpeechDetector.start({ ...options, queueMaximumFrames: 100_000 });
  const rssBefore = process.memoryUsage.rss();
  const delays: number[] = [];
  const startedAt = performance.now();
  const tracks = Array.from({ length: count }, (_, index) => {
    const pushedAt: number[] = [];
    const stream = detector.open(
      (probabilities) => {
        const now = performance.now();
        for (const at of pushedAt.splice(0, probabilities.length)) {
          if (at - startedAt > WARM_UP_MS) delays.push(now - at);
        }
      },
      (error) => {
        throw error;
      },
    );
    return { stream, pushedAt, dueMs: (index / count) * VAD_FRAME_MS, frame: index };
  });
  const used = process.cpuUsage();
  const main = new MainThreadClock();
  for (let now = 0; now < SECONDS * 1000; now = performance.now() - startedAt) {
    for (const track of tracks) {
      if (track.dueMs > now) continue;
      track.pushedAt.push(performance.now());
      track.stream.push([frames[track.frame++ % frames.length] as Float32Array]);
      track.dueMs += VAD_FRAME_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(used);
  const played = {
    delays,
    cpu: (user + system) / 1000 / wallMs,
    mainCpu: main.ms() / wallMs,
    rssKb: Math.round((process.memoryUsage.rss() - rssBefore) / 1024 / count),
  };
  for (const { stream } of tracks) stream.close();
  await detector.close();
  // Frames that were never answered are the slowest of all.
  for (const { pushedAt } of tracks) for (const at of pushedAt) delays.push(startedAt + wallMs - at);
  return played;
}
