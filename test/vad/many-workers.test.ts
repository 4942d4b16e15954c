import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
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

/**
 * A worker without a model that remembers each stream, as the model does: an answer is half of the last one and half of
 * the frame's first sample. 13 ends it, 7 is never answered.
 */
const REMEMBERING = `
  const { parentPort } = require("node:worker_threads");
  const last = new Map();
  parentPort.on("message", (message) => {
    if (message.type === "forget") return void last.delete(message.stream);
    const { request, streams, counts, samples } = message;
    if (samples.includes(13)) process.exit(13);
    if (samples.includes(7)) return;
    const probabilities = new Float32Array(samples.length / 512);
    let at = 0;
    streams.forEach((stream, index) => {
      for (let left = counts[index]; left > 0; left -= 1, at += 1) {
        probabilities[at] = (last.get(stream) ?? 0) / 2 + samples[512 * at] / 2;
        last.set(stream, probabilities[at]);
      }
    });
    parentPort.postMessage({ type: "probabilities", request, probabilities, runs: 1, busyMs: 1 });
  });
  parentPort.postMessage({ type: "ready" });
`;

function remember(values: readonly number[]): number[] {
  let last = 0;
  return values.map((value) => {
    last = Math.fround(last / 2 + value / 2);
    return last;
  });
}

const frame = (value: number): Float32Array => new Float32Array(VAD_FRAME_SAMPLES).fill(value);

/** A hum that comes and goes. */
function hum(frames: number, pitchHz: number): Float32Array[] {
  return Array.from({ length: frames }, (_, index) =>
    Float32Array.from({ length: VAD_FRAME_SAMPLES }, (_, sample) => {
      const time = (index * VAD_FRAME_SAMPLES + sample) / 16_000;
      const phase = (time * pitchHz * (1 + 0.05 * Math.sin(12 * time))) % 1;
      const voice = Math.exp(-6 * phase) * Math.sin(2 * Math.PI * 700 * time) - 0.05;
      return 0.3 * Math.max(0, Math.sin(3 * time)) * voice;
    }),
  );
}

type Crew = { detector: SpeechDetector; workers: Worker[]; counters: Counters };

async function start(
  workers: number,
  createWorker: SpeechDetectorOptions["createWorker"] = () => new Worker(REMEMBERING, { eval: true }),
): Promise<Crew> {
  const [made, counters] = [[] as Worker[], new Counters()];
  const detector = await SpeechDetector.start({
    ...{ modelPath: MODEL, logger: silentLogger, counters, workers },
    createWorker: (workerData) => {
      const worker = createWorker(workerData);
      made.push(worker);
      return worker;
    },
  });
  return { detector, workers: made, counters };
}

async function startFor(t: TestContext, ...args: Parameters<typeof start>): Promise<Crew> {
  const crew = await start(...args);
  t.after(() => crew.detector.close());
  return crew;
}

const silero: SpeechDetectorOptions["createWorker"] = (workerData) =>
  startWorker(CALLER, "silero-worker", { workerData });

describe("with workers that remember", () => {
  const crews: Crew[] = [];
  before(async () => {
    crews.push(...(await Promise.all([1, 2, 3, 5].map((workers) => start(workers)))));
  });
  after(() => Promise.all(crews.map(({ detector }) => detector.close())));

  test("every stream is answered the same on 1, 2, 3 or 5 workers, however frames are split and mixed", async () => {
    const push = fc.record({
      stream: fc.nat(11),
      frames: fc.integer({ min: 1, max: 30 }),
      wait: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3),
        fc.nat(4),
        fc.array(push, { maxLength: 60 }),
        async (crew, gone, pushes) => {
          const { detector } = crews[crew] as Crew;
          // Streams that came and went leave the workers unequal, so that the next are assigned otherwise.
          const before = Array.from({ length: gone }, () => listen(detector));
          for (const { stream } of before.filter((_, index) => index % 2 === 0)) stream.close();
          const streams = Array.from({ length: 12 }, () => listen(detector));
          const pushed: number[][] = streams.map(() => []);
          for (const { stream: index, frames, wait } of pushes) {
            const [{ stream }, values] = [streams[index] as Heard, pushed[index] as number[]];
            const next = Array.from(
              { length: frames },
              (_, at) => (((values.length + at) * (index + 3)) % 64) / 64,
            );
            values.push(...next);
            stream.push(next.map(frame));
            if (wait) await stream.end();
          }
          await Promise.all(streams.map(({ stream }) => stream.end()));
          assert.deepEqual(
            streams.map(({ probabilities }) => probabilities),
            pushed.map(remember),
          );
          for (const { stream } of [...before, ...streams]) stream.close();
          assert.deepEqual(
            detector.streams.filter((open) => open > 0),
            [],
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a stream goes to the worker that has the fewest", () => {
    const { detector } = crews[2] as Crew;
    const streams = Array.from({ length: 7 }, () => listen(detector).stream);
    assert.deepEqual(detector.streams, [3, 2, 2]);
    streams[1]?.close();
    streams[4]?.close();
    streams.push(listen(detector).stream, listen(detector).stream, listen(detector).stream);
    assert.deepEqual(detector.streams, [3, 3, 2]);
    for (const stream of streams) stream.close();
    assert.deepEqual(detector.streams, [0, 0, 0]);
  });

  test("who floods his worker delays its other streams by a request or two", async () => {
    const { detector } = crews[1] as Crew;
    const [greedy, other, modest] = [listen(detector), listen(detector), listen(detector)];
    assert.deepEqual(detector.streams, [2, 1]);
    greedy.stream.push(Array.from({ length: 900 }, () => frame(0.5)));
    other.stream.push([frame(0.25)]);
    modest.stream.push([frame(0.25)]);
    await modest.stream.end();
    assert.ok(greedy.probabilities.length <= 24, `${greedy.probabilities.length} frames came first`);
    await Promise.all([greedy, other].map(({ stream }) => stream.end()));
    assert.equal(greedy.probabilities.length, 900);
    for (const { stream } of [greedy, other, modest]) stream.close();
  });
});

test("a worker that dies has its frames judged again by the next one, and streams of the other notice nothing", async (t) => {
  const { detector, workers, counters } = await startFor(t, 2);
  const streams = Array.from({ length: 8 }, () => listen(detector));
  const values = Array.from({ length: 200 }, (_, index) => (index % 32) / 32);
  for (const { stream } of streams) stream.push(values.slice(0, 120).map(frame));
  await workers[0]?.terminate();
  for (const { stream } of streams) stream.push(values.slice(120).map(frame));
  await Promise.all(streams.map(({ stream }) => stream.end()));
  assert.deepEqual([workers.length, counters.get("vad.workers.lost")], [3, 1]);
  streams.forEach(({ probabilities, failures }, index) => {
    assert.deepEqual([probabilities.length, failures], [values.length, []]);
    if (index % 2 === 1) assert.deepEqual(probabilities, remember(values), `stream ${index}`);
  });
});

test("a worker of the real model is killed, and a track of the other is what it is alone, bit for bit", async (t) => {
  const { detector, workers } = await startFor(t, 2, silero);
  const sound = hum(90, 130);
  const alone = listen(detector);
  alone.stream.push(sound);
  await alone.stream.end();
  alone.stream.close();
  const [lost, kept] = [listen(detector), listen(detector)];
  assert.deepEqual(detector.streams, [1, 1]);
  for (const { stream } of [lost, kept]) stream.push(sound.slice(0, 40));
  // Not within native code, where ending a thread would end the process.
  await lost.stream.end();
  await workers[0]?.terminate();
  for (const { stream } of [lost, kept]) stream.push(sound.slice(40));
  await Promise.all([lost.stream.end(), kept.stream.end()]);
  assert.ok(Math.max(...alone.probabilities) > 0.02, "the sound moves the model");
  assert.deepEqual(kept.probabilities, alone.probabilities);
  assert.deepEqual([lost.probabilities.length, lost.failures, workers.length], [90, [], 3]);
});

test("a track of the real model has the same probabilities on one worker and on three, within 1e-4", async (t) => {
  const pitches = Array.from({ length: 9 }, (_, index) => 95 + 20 * index);
  const judged = await Promise.all(
    [1, 3].map(async (count) => {
      const { detector } = await startFor(t, count, silero);
      const tracks = pitches.map(() => listen(detector));
      for (const [index, { stream }] of tracks.entries()) stream.push(hum(40, pitches[index] as number));
      await Promise.all(tracks.map(({ stream }) => stream.end()));
      return tracks.flatMap(({ probabilities }) => probabilities);
    }),
  );
  const [one = [], three = []] = judged;
  assert.equal(one.length, 9 * 40);
  assert.equal(three.length, one.length);
  assert.ok(Math.max(...one.map((value, index) => Math.abs(value - (three[index] as number)))) < 1e-4);
});

test("when one worker cannot be replaced its streams alone fail, new ones go to the others, and it is tried again", async (t) => {
  let broken = false;
  const createWorker = () =>
    broken ? new Worker("process.exit(3)", { eval: true }) : new Worker(REMEMBERING, { eval: true });
  const { detector } = await startFor(t, 2, createWorker);
  const [deadly, healthy, idle] = [listen(detector), listen(detector), listen(detector)];
  broken = true;
  deadly.stream.push([frame(13)]);
  healthy.stream.push([frame(0.5)]);
  await assert.rejects(deadly.stream.end(), { code: "VAD_WORKER_LOST", message: /started again/ });
  assert.deepEqual(
    [deadly, healthy, idle].map(({ failures }) => failures.map(({ code }) => code)),
    [["VAD_WORKER_LOST"], [], ["VAD_WORKER_LOST"]],
  );
  const [next, another] = [listen(detector), listen(detector)];
  assert.deepEqual(detector.streams, [0, 3]);
  for (const { stream } of [healthy, next, another]) stream.push([frame(0.5)]);
  await Promise.all([healthy, next, another].map(({ stream }) => stream.end()));
  assert.deepEqual(healthy.probabilities, remember([0.5, 0.5]));
  assert.deepEqual(next.probabilities, remember([0.5]));

  broken = false;
  // The first starts a worker; when it is up, it gets the next, for it has the fewest.
  const giveUpAt = performance.now() + 10_000;
  while (detector.streams[0] === 0 && performance.now() < giveUpAt) {
    listen(detector).stream.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    listen(detector);
  }
  assert.equal(detector.streams[0], 1);
});

test("when one of several workers does not come up at the start, none is left", async () => {
  const workers: Worker[] = [];
  const createWorker = () => {
    const source = workers.length === 1 ? "process.exit(3)" : REMEMBERING;
    workers.push(new Worker(source, { eval: true }));
    return workers.at(-1) as Worker;
  };
  await assert.rejects(start(3, createWorker), { code: "VAD_WORKER_LOST" });
  assert.deepEqual(
    workers.map(({ threadId }) => threadId),
    [-1, -1, -1],
  );
});
