import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Recogniser } from "../../src/asr/recogniser.ts";
import type { RecogniserOptions } from "../../src/asr/recogniser-options.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type Clip, clipsIn, MODEL, samplesOf } from "../asr/clips.ts";
import { WatchedCounters } from "../base/watched-counters.ts";

const timeout = 120_000;
const utterances = clipsIn("en")
  .slice(0, 4)
  .map((clip) => ({ pcm16k: samplesOf(clip), language: "en" }));

/** Long enough for a time-out to fall within its inference. */
const LONG = { pcm16k: new Float32Array(12 * 16_000), language: "en" };
for (let at = 0, index = 10; ; index++) {
  const samples = samplesOf(clipsIn("en")[index] as Clip);
  if (at + samples.length > LONG.pcm16k.length) break;
  LONG.pcm16k.set(samples, at);
  at += samples.length;
}

function optionsOf(counters: WatchedCounters, more: Partial<RecogniserOptions>): RecogniserOptions {
  return { ...MODEL, workers: 1, threads: 2, beam: 1, logger: silentLogger, counters, ...more };
}

/** The code that a promise rejects with, or its text. */
const outcome = (answer: Promise<{ text: string }>) =>
  answer.then(
    ({ text }) => text,
    ({ code }) => code as string,
  );

test("when no worker comes up again, what waits is given up", { timeout }, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-recogniser-"));
  const modelPath = path.join(folder, "model.onnx");
  symlinkSync(MODEL.modelPath, modelPath);
  const recogniser = await Recogniser.start(optionsOf(new WatchedCounters(), { modelPath }));
  t.after(async () => {
    await recogniser.close();
    rmSync(folder, { recursive: true });
  });
  unlinkSync(modelPath);
  const answers = recogniser.recognise(utterances).map(outcome);
  // A message that it does not expect makes the worker fail.
  recogniser.workers[0]?.postMessage(null);
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["MODEL_MISSING"]));
});

test("an inference that takes too long twice is given up, and closing answers the rest", {
  timeout,
}, async (t) => {
  const counted = new WatchedCounters();
  const slow = await Recogniser.start(optionsOf(counted, { timeoutMinimumMs: 150, timeoutMsPerSecond: 0 }));
  t.after(() => slow.close());
  // Ending the thread there would end this process.
  const [late] = slow.recognise([LONG]);
  assert.equal(await outcome(late as Promise<{ text: string }>), "ASR_TIMEOUT");
  assert.equal(counted.get("asr.timeouts"), 2);
  const answers = slow.recognise([LONG, ...utterances]).map(outcome);
  await slow.close();
  answers.push(...slow.recognise(utterances.slice(0, 1)).map(outcome));
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["ASR_CLOSED"]));
  assert.equal(slow.pendingSeconds, 0);
});
