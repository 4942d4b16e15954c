/**
 * Event-loop delay of the main thread while the engine is saturated and live tracks stream.
 *
 * For 20 s the recogniser always has more utterances than it can take, and 20 tracks deliver a packet every 20 ms
 * through timeline, upsampling and speech detection, as they do in a server.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { loadConfig } from "../src/app/config.ts";
import { startEngine } from "../src/app/engine.ts";
import { resample } from "../src/audio/resample.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { StreamTrack } from "../src/call/stream-track.ts";
import { readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { machineName } from "./yardstick.ts";

const SECONDS = 20;
const TRACKS = 20;
const PACKET_MS = 20;
const PACKET_BYTES = 160;
/** Utterances that always wait. */
const WAITING = 8;
/** Limit of `--check`. */
const P99_MS = 20;

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const clips = readClips(speechFolder(args[0])).slice(0, 20);
  const config = loadConfig({ environment: {}, overrides: { insecure: true, host: "127.0.0.1" } });
  const counters = new Counters();
  const engine = await startEngine({
    asr: config.asr,
    models: config.models,
    logger: silentLogger,
    counters,
  });
  const utterances = clips.map(({ pcm8k }) => ({
    pcm16k: resample(pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ),
    language: "en",
  }));
  const tracks = Array.from({ length: TRACKS }, () => {
    const options = { offsetMs: 0, endpointer: config.endpointer, detector: engine.detector, counters };
    return new StreamTrack({ ...options, onUtterance() {}, onHole() {}, onFailure() {} });
  });
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  const until = performance.now() + SECONDS * 1000;
  let recognised = 0;
  const saturate = async (index: number): Promise<void> => {
    for (let next = index; performance.now() < until; next++) {
      await engine.recogniser.recognise([
        utterances[next % utterances.length] as (typeof utterances)[number],
      ])[0];
      recognised += 1;
    }
  };
  const saturated = Promise.all(Array.from({ length: WAITING }, (_, index) => saturate(index)));
  histogram.enable();
  for (let packet = 0; performance.now() < until; packet++) {
    for (const [index, track] of tracks.entries()) {
      const { mulaw } = clips[index % clips.length] as (typeof clips)[number];
      const at = (packet * PACKET_BYTES) % (mulaw.length - PACKET_BYTES);
      track.packet(packet * PACKET_MS, mulaw.subarray(at, at + PACKET_BYTES));
    }
    const wait = (packet + 1) * PACKET_MS - (performance.now() - (until - SECONDS * 1000));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
  }
  histogram.disable();
  await saturated;
  await Promise.all(tracks.map((track) => track.end()));
  await engine.close();
  const ms = (value: number): number => Number((value / 1e6).toFixed(2));
  const delayMs = {
    p50: ms(histogram.percentile(50)),
    p99: ms(histogram.percentile(99)),
    max: ms(histogram.max),
  };
  console.log(`${machineName()}; ${TRACKS} live tracks, ${recognised} utterances recognised in ${SECONDS} s`);
  console.log(
    `event-loop delay: p50 ${delayMs.p50} ms, p99 ${delayMs.p99} ms, most ${delayMs.max} ms (limit of p99 ${P99_MS} ms)`,
  );
  if (check && delayMs.p99 > P99_MS) process.exitCode = 1;
  if (json) console.log(JSON.stringify({ delayMs, tracks: TRACKS, recognised }));
}
