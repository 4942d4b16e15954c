import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { CARD_RULES, CPU_RULES, widthOf } from "../../src/asr/batch-rules.ts";
import { isMisfit, Portions } from "../../src/asr/portions.ts";
import { warmUp } from "../../src/asr/warm-up.ts";
import { MAXIMUM_WINDOW_SAMPLES, STEPS, steppedSamples, windowSamples } from "../../src/asr/window.ts";
import { FakeDevice, OUT_OF_MEMORY } from "./fake-card.ts";

const SECOND = 16_000;
const SOUND = new Float32Array(30 * SECOND);
const utterance = (samples: number) => ({ pcm16k: SOUND.subarray(0, samples), language: "en" });
const GREEDY = { beam: 1 };
const textsOf = (portions: Awaited<ReturnType<Portions["recognise"]>>) =>
  portions.map((portion) => (isMisfit(portion) ? null : Number(portion.text)));

const lengths = fc.array(fc.integer({ min: 1600, max: 29 * SECOND }), { minLength: 1, maxLength: 64 });
const memory = fc.integer({ min: 2, max: 400 }).map((seconds) => seconds * SECOND);

test("whatever memory there is, each row has its own answer, or is one that does not fit alone", async () => {
  await fc.assert(
    fc.asyncProperty(lengths, memory, async (samples, memorySamples) => {
      const device = new FakeDevice();
      device.memorySamples = memorySamples;
      const portions = new Portions(device.engine(CARD_RULES), CARD_RULES);
      const found = textsOf(await portions.recognise(samples.map(utterance), GREEDY));
      const fits = (length: number) => widthOf(windowSamples(length, 8), CARD_RULES) <= memorySamples;
      assert.deepEqual(
        found,
        samples.map((length) => (fits(length) ? length : null)),
      );
    }),
    { numRuns: 100 },
  );
});

test("no inference is larger than the rows and the padded samples that the rules allow", async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer({ min: 1, max: 64 }), async (samples, rows) => {
      const device = new FakeDevice();
      const rules = { ...CARD_RULES, rows, paddedSamples: 100 * SECOND };
      device.memorySamples = rules.paddedSamples;
      const portions = new Portions(device.engine(rules), rules);
      await portions.recognise(samples.map(utterance), GREEDY);
      assert.equal(portions.takeFailures(), 0);
      assert.ok(device.batches.every((count) => count <= rows));
    }),
    { numRuns: 50 },
  );
});

test("the budget is halved by a failure, grows by half a minute later, and never beyond the rules", async () => {
  let now = 0;
  const device = new FakeDevice();
  device.memorySamples = 40 * SECOND;
  const rules = { ...CARD_RULES, paddedSamples: 128 * SECOND };
  const portions = new Portions(device.engine(rules), rules, rules.paddedSamples, () => now);
  const round = () => portions.recognise(new Array(64).fill(utterance(SECOND)), GREEDY);
  await round();
  const lowered = portions.budgetSamples;
  assert.ok(lowered <= 40 * SECOND && lowered > 20 * SECOND, `${lowered}`);
  await round();
  assert.equal(portions.budgetSamples, lowered);
  device.memorySamples = Infinity;
  now += 60_000;
  await round();
  assert.equal(portions.budgetSamples, Math.ceil(1.5 * lowered));
  for (let minute = 0; minute < 20; minute++) {
    now += 60_000;
    await round();
  }
  assert.equal(portions.budgetSamples, rules.paddedSamples);
});

test("a fault of one row is found in the halves, without a smaller budget; one of the device ends everything", async () => {
  const device = new FakeDevice();
  const portions = new Portions(device.engine(CARD_RULES), CARD_RULES);
  device.fault = (rows) => (rows.some(({ pcm16k }) => pcm16k.length === 20_000) ? "bad row" : null);
  const samples = [30_000, 20_000, 40_000, 50_000];
  assert.deepEqual(textsOf(await portions.recognise(samples.map(utterance), GREEDY)), [
    30_000,
    null,
    40_000,
    50_000,
  ]);
  assert.equal(portions.budgetSamples, CARD_RULES.paddedSamples);
  device.fault = () => "CUDA failure 719: unspecified launch failure";
  await assert.rejects(portions.recognise(samples.map(utterance), GREEDY), /719/);
});

test("the warm-up finds the largest budget by halves that every shape within it fits", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 31, max: 500 }), async (seconds) => {
      const shapes: number[][] = [];
      const engine = {
        exercise: async (rows: number, samples: number) => {
          shapes.push([rows, samples]);
          if (rows * samples > seconds * SECOND) throw new Error(OUT_OF_MEMORY);
          return 0;
        },
      };
      const budget = await warmUp(engine, CARD_RULES, 3);
      const largest = STEPS.map(
        (samples) => samples * Math.max(1, Math.min(64, Math.floor(budget / samples))),
      );
      assert.ok(Math.max(...largest) <= seconds * SECOND);
      assert.ok(4 * budget >= Math.min(320, seconds) * SECOND);
      assert.deepEqual(
        shapes.slice(-14).map(([, samples]) => samples),
        STEPS,
      );
    }),
    { numRuns: 50 },
  );
  const none = { exercise: () => Promise.reject(new Error(OUT_OF_MEMORY)) };
  await assert.rejects(warmUp(none, CARD_RULES, 3), { code: "ASR_OUT_OF_MEMORY" });
  const dead = { exercise: () => Promise.reject(new Error("CUDA failure 999: unknown error")) };
  await assert.rejects(warmUp(dead, CARD_RULES, 3), /999/);
});

test("rows have one of 14 lengths, a third longer than their window at most", () => {
  const seen = new Set<number>();
  for (let samples = 1.6 * SECOND; samples <= MAXIMUM_WINDOW_SAMPLES; samples += 320) {
    const step = steppedSamples(samples);
    seen.add(step);
    assert.ok(step >= samples && step <= 1.31 * samples && step % 320 === 0, `${samples} ${step}`);
  }
  assert.equal(seen.size, 14);
  assert.equal(widthOf(2 * SECOND, CARD_RULES), 2.08 * SECOND);
  assert.equal(widthOf(2 * SECOND, CPU_RULES), 2 * SECOND);
});
