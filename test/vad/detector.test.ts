import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { parseWav } from "../../src/audio/wav.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { startWorker } from "../../src/base/worker.ts";
import { findModel, modelsDirectory, readManifest } from "../../src/models/manifest.ts";
import { SpeechDetector, type SpeechDetectorOptions } from "../../src/vad/detector.ts";
import { VAD_FRAME_SAMPLES } from "../../src/vad/frame.ts";
import { type Heard, listen } from "./heard.ts";

const MODEL = path.join(modelsDirectory(), findModel(readManifest(), "silero-vad-6.2").file);
/** As `silero-thread.ts` sees it. */
const CALLER = new URL("../../src/vad/silero-thread.ts", import.meta.url).href;

/** A vowel-like buzz that comes and goes, so that the probabilities move. */
function buzz(frames: number, pitchHz: number): Float32Array[] {
  const samples = Float32Array.from({ length: frames * VAD_FRAME_SAMPLES }, (_, index) => {
    const time = index / 16000;
    const phase = (time * pitchHz * (1 + 0.05 * Math.sin(12 * time))) % 1;
    return (
      0.3 *
      Math.max(0, Math.sin(3 * time)) *
      (Math.exp(-6 * phase) * Math.sin(2 * Math.PI * 700 * time) - 0.05)
    );
  });
  return Array.from({ length: frames }, (_, frame) =>
    samples.slice(frame * VAD_FRAME_SAMPLES, (frame + 1) * VAD_FRAME_SAMPLES),
  );
}

/** The whole frames of an 8 kHz clip, doubled to 16 kHz as the vectors say. */
function sentence(file: string): Float32Array[] {
  const samples = parseWav(readFileSync(file)).channels[0] as Float32Array;
  const doubled = Float32Array.from({ length: 2 * samples.length }, (_, index) => {
    const [left, right] = [samples[index >> 1] as number, samples[(index + 1) >> 1] ?? 0];
    return (left + right) / 2;
  });
  return Array.from({ length: Math.floor(doubled.length / VAD_FRAME_SAMPLES) }, (_, index) =>
    doubled.slice(index * VAD_FRAME_SAMPLES, (index + 1) * VAD_FRAME_SAMPLES),
  );
}

async function start(t: TestContext, options: Partial<SpeechDetectorOptions> = {}): Promise<SpeechDetector> {
  const detector = await SpeechDetector.start({
    modelPath: MODEL,
    logger: silentLogger,
    counters: new Counters(),
    ...options,
  });
  t.after(() => detector.close());
  return detector;
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  assert.equal(a.length, b.length);
  return Math.max(...a.map((value, index) => Math.abs(value - (b[index] as number))));
}

/** A worker that speaks the protocol without a model: each answer is the first sample of its frame. */
const ECHO = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", (message) => {
    if (message.type !== "frames") return;
    const { request, samples } = message;
    if (samples.includes(13)) process.exit(13);
    if (samples.includes(7)) return;
    const probabilities = Float32Array.from({ length: samples.length / 512 }, (_, i) => samples[512 * i]);
    parentPort.postMessage({ type: "probabilities", request, probabilities, runs: 1, busyMs: 1 });
  });
  parentPort.postMessage({ type: "ready" });
`;

function echoWorker(): Worker {
  return new Worker(ECHO, { eval: true });
}

function frame(value: number): Float32Array {
  return new Float32Array(VAD_FRAME_SAMPLES).fill(value);
}

describe("with the real model", () => {
  let detector: SpeechDetector;
  const counters = new Counters();
  before(async () => {
    detector = await SpeechDetector.start({ modelPath: MODEL, logger: silentLogger, counters });
  });
  after(() => detector.close());

  async function alone(frames: Float32Array[]): Promise<number[]> {
    const { stream, probabilities } = listen(detector);
    stream.push(frames);
    await stream.end();
    stream.close();
    return probabilities;
  }

  test("the probabilities of a spoken sentence are those of the published model, within 1e-4", async () => {
    const vectors = JSON.parse(readFileSync(path.join(import.meta.dirname, "silero-vectors.json"), "utf8"));
    const probabilities = await alone(sentence(path.join(modelsDirectory(), "..", vectors.clip)));
    assert.ok(Math.max(...vectors.probabilities) > 0.9 && Math.min(...vectors.probabilities) < 0.1);
    assert.ok(largestDifference(probabilities, vectors.probabilities) < 1e-4);
  });

  test("silence is no speech", async () => {
    const silence = await alone(Array.from({ length: 20 }, () => frame(0)));
    assert.equal(silence.length, 20);
    assert.ok(Math.max(...silence) < 0.05, `${Math.max(...silence)}`);
  });

  test("a stream has the same probabilities alone and beside 69 others, within 1e-4", async () => {
    const pitches = Array.from({ length: 70 }, (_, index) => 90 + 3 * index);
    const checked = [0, 33, 69];
    const expected = await Promise.all(checked.map((index) => alone(buzz(40, pitches[index] as number))));
    const runsBefore = counters.get("vad.runs");
    const streams = pitches.map(() => listen(detector));
    streams.forEach(({ stream }, index) => {
      stream.push(buzz(40, pitches[index] as number));
    });
    await Promise.all(streams.map(({ stream }) => stream.end()));
    for (const [position, index] of checked.entries()) {
      const { probabilities } = streams[index] as Heard;
      assert.ok(largestDifference(probabilities, expected[position] as number[]) < 1e-4);
    }
    const runs = counters.get("vad.runs") - runsBefore;
    assert.ok(counters.get("vad.busyMs") > 0);
    assert.ok(runs < (70 * 40) / 10, `${runs} runs for ${70 * 40} frames: they were not batched`);
    for (const { stream } of streams) stream.close();
  });

  test("any split of the frames over pushes gives the same probabilities", async () => {
    const frames = buzz(60, 120);
    const expected = await alone(frames);
    const { stream, probabilities } = listen(detector);
    for (const size of [1, 2, 7, 1, 20, 29]) stream.push(frames.splice(0, size));
    await stream.end();
    stream.close();
    assert.deepEqual(probabilities, expected);
  });

  test("a new stream starts with fresh state, whatever ran before", async () => {
    const first = await alone(buzz(30, 110));
    await alone(buzz(50, 180));
    assert.deepEqual(await alone(buzz(30, 110)), first);
  });

  test("samples that are not numbers spoil neither the rest of their stream nor other streams", async () => {
    const expected = await alone(buzz(40, 140));
    const spoilt = listen(detector);
    const healthy = listen(detector);
    spoilt.stream.push([...buzz(10, 140), frame(Number.NaN), frame(Number.POSITIVE_INFINITY)]);
    spoilt.stream.push(buzz(40, 140));
    healthy.stream.push(buzz(40, 140));
    await Promise.all([spoilt.stream.end(), healthy.stream.end()]);
    assert.deepEqual(spoilt.probabilities.slice(10, 12), [0, 0]);
    assert.ok(largestDifference(spoilt.probabilities.slice(12), expected) < 1e-4);
    assert.ok(largestDifference(healthy.probabilities, expected) < 1e-4);
    spoilt.stream.close();
    healthy.stream.close();
  });

  test("a frame of another length is a mistake of the caller", () => {
    const { stream } = listen(detector);
    assert.throws(() => stream.push([new Float32Array(511)]), RangeError);
    stream.close();
  });

  test("a stream that closes hears nothing more, and the others do", async () => {
    const [one, two] = [listen(detector), listen(detector)];
    one.stream.push(buzz(20, 120));
    two.stream.push(buzz(20, 120));
    const end = one.stream.end();
    one.stream.close();
    await assert.rejects(end, { code: "VAD_CLOSED" });
    await two.stream.end();
    two.stream.close();
    assert.equal(one.probabilities.length, 0);
    assert.equal(one.failures.length, 0);
    assert.equal(two.probabilities.length, 20);
  });
});

test("a worker that is killed amid frames is replaced, and every frame is answered once", async (t) => {
  const workers: Worker[] = [];
  const counters = new Counters();
  const detector = await start(t, {
    counters,
    createWorker: (workerData) => {
      const worker = startWorker(CALLER, "silero-worker", { workerData });
      workers.push(worker);
      return worker;
    },
  });
  const streams = [listen(detector), listen(detector), listen(detector)];
  for (const { stream } of streams) stream.push(buzz(100, 120));
  await workers[0]?.terminate();
  for (const { stream } of streams) stream.push(buzz(50, 120));
  await Promise.all(streams.map(({ stream }) => stream.end()));
  for (const { probabilities, failures } of streams) {
    assert.equal(probabilities.length, 150);
    assert.deepEqual(failures, []);
  }
  assert.equal(workers.length, 2);
  assert.equal(counters.get("vad.workers.lost"), 1);
  assert.ok(counters.get("vad.frames.retried") > 0);
});

test("answers come in order, one a frame, for streams that push at odd times", async (t) => {
  const detector = await start(t, { createWorker: echoWorker });
  const streams = Array.from({ length: 5 }, () => listen(detector));
  for (let round = 0; round < 40; round += 1) {
    for (const [index, { stream }] of streams.entries()) {
      if ((round + index) % (index + 1) === 0) stream.push([frame(round / 64), frame((round + 0.5) / 64)]);
    }
    if (round % 7 === 0) await streams[0]?.stream.end();
  }
  await Promise.all(streams.map(({ stream }) => stream.end()));
  streams.forEach(({ probabilities, stream }, index) => {
    const rounds = Array.from({ length: 40 }, (_, round) => round).filter(
      (round) => (round + index) % (index + 1) === 0,
    );
    assert.deepEqual(
      probabilities,
      rounds.flatMap((round) => [round / 64, (round + 0.5) / 64]),
    );
    assert.equal(stream.pendingFrames, 0);
  });
});

test("frames that kill the worker twice fail their stream, and the next streams work", async (t) => {
  const counters = new Counters();
  const detector = await start(t, { counters, createWorker: echoWorker });
  const deadly = listen(detector);
  deadly.stream.push([frame(13)]);
  await assert.rejects(deadly.stream.end(), { code: "VAD_WORKER_LOST" });
  assert.deepEqual(
    deadly.failures.map(({ code }) => code),
    ["VAD_WORKER_LOST"],
  );
  assert.equal(counters.get("vad.workers.lost"), 2);
  const next = listen(detector);
  next.stream.push([frame(0.25)]);
  await next.stream.end();
  assert.deepEqual(next.probabilities, [0.25]);
  deadly.stream.push([frame(0)]);
  assert.equal(deadly.stream.pendingFrames, 0, "a failed stream takes nothing");
});

test("a worker that never answers is lost after its deadline", async (t) => {
  const detector = await start(t, { createWorker: echoWorker, answerDeadlineMs: 30 });
  const { stream, failures } = listen(detector);
  stream.push([frame(7)]);
  await assert.rejects(stream.end(), { code: "VAD_WORKER_LOST", message: /did not answer within 30 ms/ });
  assert.equal(failures.length, 1);
});

test("when no worker comes up again all streams fail, and a later one tries anew", async (t) => {
  let broken = false;
  const detector = await start(t, {
    createWorker: () => (broken ? new Worker("process.exit(3)", { eval: true }) : echoWorker()),
  });
  const [deadly, idle] = [listen(detector), listen(detector)];
  idle.stream.push([frame(0.5)]);
  await idle.stream.end();
  broken = true;
  deadly.stream.push([frame(13)]);
  await assert.rejects(deadly.stream.end(), { code: "VAD_WORKER_LOST", message: /started again/ });
  assert.deepEqual(
    idle.failures.map(({ code }) => code),
    ["VAD_WORKER_LOST"],
  );
  broken = false;
  const later = listen(detector);
  later.stream.push([frame(0.75)]);
  await later.stream.end();
  assert.deepEqual(later.probabilities, [0.75]);
});

test("a stream with more frames waiting than its maximum fails and is counted, and others go on", async (t) => {
  const counters = new Counters();
  const detector = await start(t, { counters, createWorker: echoWorker, queueMaximumFrames: 10 });
  const [greedy, modest] = [listen(detector), listen(detector)];
  modest.stream.push([frame(0.5)]);
  greedy.stream.push(Array.from({ length: 11 }, () => frame(0.5)));
  assert.deepEqual(
    greedy.failures.map(({ code, retryable }) => [code, retryable]),
    [["VAD_OVERLOADED", true]],
  );
  await assert.rejects(greedy.stream.end(), { code: "VAD_OVERLOADED" });
  await modest.stream.end();
  assert.deepEqual(modest.probabilities, [0.5]);
  assert.equal(counters.get("vad.frames.refused"), 1);
  assert.equal(counters.get("vad.streams.failed"), 1);
});

test("closing the detector fails its streams and refuses new ones", async (t) => {
  const detector = await start(t, { createWorker: echoWorker });
  const { stream, failures } = listen(detector);
  stream.push([frame(7)]);
  const end = stream.end();
  const rejected = assert.rejects(end, { code: "VAD_CLOSED" });
  await detector.close();
  await rejected;
  assert.equal(failures.length, 1);
  assert.throws(() => listen(detector), { code: "VAD_CLOSED" });
});

test("a model file that is not there, or is none, is told at the start", async () => {
  const options = { logger: silentLogger, counters: new Counters() };
  await assert.rejects(SpeechDetector.start({ ...options, modelPath: "/nowhere/vad.onnx" }), {
    code: "MODEL_MISSING",
  });
  const licence = path.join(modelsDirectory(), "LICENSE.silero");
  await assert.rejects(SpeechDetector.start({ ...options, modelPath: licence }), { code: "MODEL_ALTERED" });
});
