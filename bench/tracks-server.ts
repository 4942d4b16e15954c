/**
 * The server of `bench -- tracks`: the real one, but that nobody infers. Its speech detection worker says "speech" and
 * "silence" by the count of frames, its recogniser answers a fixed sentence after a while. So what is left is what the
 * main thread does for a track.
 */
import path from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { loadConfig } from "../src/app/config.ts";
import { type Engine, VAD_MODEL } from "../src/app/engine.ts";
import { startServer } from "../src/app/server.ts";
import { Counters } from "../src/base/counters.ts";
import { silentLogger } from "../src/base/log.ts";
import type { RecognitionRequest } from "../src/call/ports.ts";
import { findModel, modelsDirectory, readManifest } from "../src/models/manifest.ts";
import { SpeechDetector } from "../src/vad/detector.ts";
import { MainThreadClock } from "./main-thread.ts";

export interface TracksServerSettings {
  settings: Record<string, unknown>;
  /** Frames of 9 s that are speech, 0..280. */
  speechFrames: number;
}

export interface TracksFigures {
  /** Of the main thread, ms. */
  mainMs: number;
  wallMs: number;
  rssKb: number;
  /** Part of the time in which the event loop was not idle, waits for the disk included, 0..1. */
  loopShare: number;
  loopP99Ms: number;
  messages: number;
  finals: number;
  partials: number;
  gaps: number;
}

/** 9 s of frames. */
const PERIOD_FRAMES = 280;
const ANSWER_AFTER_MS = 150;
const PARTIAL_INTERVAL_MS = 300;
const TEXT = "and that is about what somebody says in four seconds";

const { settings, speechFrames } = JSON.parse(process.argv[2] ?? "{}") as TracksServerSettings;

const DETECTOR = `
  const { parentPort } = require("node:worker_threads");
  const frames = new Map();
  parentPort.on("message", (message) => {
    if (message.type === "forget") return void frames.delete(message.stream);
    const { request, streams, counts, samples } = message;
    const probabilities = new Float32Array(samples.length / 512);
    let at = 0;
    streams.forEach((stream, index) => {
      // Streams do not all begin to speak at once.
      let frame = frames.get(stream) ?? (stream * 37) % ${PERIOD_FRAMES};
      for (let left = counts[index]; left > 0; left -= 1, at += 1, frame += 1)
        probabilities[at] = frame % ${PERIOD_FRAMES} < ${speechFrames} ? 0.95 : 0.02;
      frames.set(stream, frame);
    });
    parentPort.postMessage({ type: "probabilities", request, probabilities, runs: 1 }, [probabilities.buffer]);
  });
  parentPort.postMessage({ type: "ready" });
`;

const counted = { final: 0, partial: 0 };
const recogniser = {
  pendingSeconds: 0,
  partialIntervalMs: PARTIAL_INTERVAL_MS,
  headStartMs: () => Infinity,
  language: () => "en",
  submit({ pcm16k, priority }: RecognitionRequest) {
    const stepMs = pcm16k.length / 16 / TEXT.split(" ").length;
    const words = TEXT.split(" ").map((text, index) => ({
      text,
      startMs: Math.round(index * stepMs),
      endMs: Math.round((index + 1) * stepMs),
      confidence: 0.9,
    }));
    const confidences = words.map(() => 0.9);
    const recognition = { text: TEXT, logprob: -0.2, noSpeech: 0.01, language: "en", words, confidences };
    counted[priority === "partial" ? "partial" : "final"] += 1;
    const answer = new Promise((resolve) => setTimeout(() => resolve(recognition), ANSWER_AFTER_MS));
    return { answer, promote: () => {}, drop: () => {} };
  },
};

const counters = new Counters();
const detector = await SpeechDetector.start({
  modelPath: path.join(modelsDirectory(), findModel(readManifest(), VAD_MODEL).file),
  logger: silentLogger,
  counters,
  createWorker: () => new Worker(DETECTOR, { eval: true }),
});
const engine = { detector, recogniser, workers: 1, threads: 1, close: () => detector.close() };
const server = await startServer({
  config: loadConfig({ file: null, environment: {}, overrides: settings }),
  logger: silentLogger,
  counters,
  engine: engine as unknown as Engine,
  onPartial: () => {},
  onEvent: ({ type }) => counters.add(`bench.${type}`),
});

const begin = () => ({
  main: new MainThreadClock(),
  loop: performance.eventLoopUtilization(),
  at: performance.now(),
  counters: counters.snapshot(),
});
let begun = begin();
const loop = monitorEventLoopDelay({ resolution: 10 });
loop.enable();
process.on("message", (message: "begin" | "end") => {
  if (message === "begin") {
    Object.assign(counted, { final: 0, partial: 0 });
    begun = begin();
    loop.reset();
    return;
  }
  const since = (name: string): number => counters.get(name) - (begun.counters[name] ?? 0);
  const figures: TracksFigures = {
    mainMs: begun.main.ms(),
    wallMs: performance.now() - begun.at,
    rssKb: process.memoryUsage.rss() / 1024,
    loopShare: performance.eventLoopUtilization(begun.loop).utilization,
    loopP99Ms: loop.percentile(99) / 1e6,
    messages: since("media.messages"),
    finals: since("bench.transcript.final"),
    partials: counted.partial,
    gaps: since("bench.transcript.gap"),
  };
  process.send?.(figures);
});
process.send?.({ url: server.url });
