/**
 * What one inference costs: batch size by utterance length, the share of encoder and decoder, and the speed.
 *
 * One worker's session on this thread, with the threads of the shipped configuration. Utterances are cut from the clips,
 * so that there is as much to decode in them as people say. The encoder's time is that of an inference which may say one
 * token; the decoder has the rest.
 */
import { chooseThreads, loadConfig } from "../src/app/config.ts";
import { recogniserFiles } from "../src/app/model-files.ts";
import { Whisper } from "../src/asr/whisper.ts";
import { resample } from "../src/audio/resample.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { percentile } from "./percentile.ts";
import { machineGflops, machineName } from "./yardstick.ts";

const SECONDS = [1, 2, 4, 8, 16];
const BATCHES = [1, 2, 4, 8, 16];
const BEAMS = [1, 3];
/** Each cell is measured until it took this long, and at least three times. */
const CELL_MS = 1500;
const LONGEST_BATCH_SECONDS = 64;

export async function run(args: string[], { json }: BenchOptions): Promise<void> {
  const config = loadConfig({ environment: {}, overrides: { insecure: true, host: "127.0.0.1" } });
  const { workers, threads } = chooseThreads(config.asr);
  const all = readClips(speechFolder(args[0])).flatMap(({ pcm8k }) => [
    ...resample(pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ),
  ]);
  const speech = Float32Array.from(all);
  console.log(
    `${machineName()}, ${Math.round(await machineGflops(threads))} GFLOP/s float32 on ${threads} threads`,
  );
  console.log(`${config.asr.model}, one session of ${threads} thread(s); the machine would run ${workers}`);
  const whisper = await Whisper.load({
    ...recogniserFiles(config.asr.model, config.models),
    threads,
    spin: workers === 1,
  });
  const cells = [];
  for (const beam of BEAMS) {
    console.log(`\nbeam ${beam}: ms per utterance (encoder's share), times real time`);
    console.log(`seconds ${BATCHES.map((batch) => `batch ${batch}`.padStart(22)).join("")}`);
    for (const seconds of SECONDS) {
      const row = [];
      for (const batch of BATCHES.filter((size) => size * seconds <= LONGEST_BATCH_SECONDS)) {
        const cell = await measure(whisper, speech, { beam, seconds, batch });
        cells.push(cell);
        const share = Math.round((100 * cell.encoderMs) / cell.totalMs);
        row.push(`${cell.totalMs.toFixed(0)} (${share} %) ${cell.realTimeFactor.toFixed(1)}x`.padStart(22));
      }
      console.log(`${String(seconds).padStart(7)} ${row.join("")}`);
    }
  }
  await whisper.close();
  if (json) console.log(JSON.stringify({ threads, cells }));
}

async function measure(
  whisper: Whisper,
  speech: Float32Array,
  { beam, seconds, batch }: { beam: number; seconds: number; batch: number },
) {
  const samples = seconds * MODEL_RATE_HZ;
  const [whole, first]: [number[], number[]] = [[], []];
  const began = performance.now();
  for (let at = 0; performance.now() - began < CELL_MS || whole.length < 3; ) {
    const utterances = Array.from({ length: batch }, () => {
      at = (at + samples) % (speech.length - samples);
      return { pcm16k: speech.slice(at, at + samples), language: "en" };
    });
    whole.push(await timed(() => whisper.recognise(utterances, { beam })));
    first.push(await timed(() => whisper.recognise(utterances, { beam, limit: 1 })));
  }
  const totalMs = percentile(whole, 0.5) / batch;
  const encoderMs = percentile(first, 0.5) / batch;
  return { beam, seconds, batch, totalMs, encoderMs, realTimeFactor: (seconds * 1000) / totalMs };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
