import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Recogniser } from "../../src/asr/recogniser.ts";
import type { CardPlan } from "../../src/asr/recogniser-options.ts";
import { silentLogger } from "../../src/base/log.ts";
import { startWorker } from "../../src/base/worker.ts";
import { type Clip, clipsIn, MODEL, samplesOf } from "../asr/clips.ts";
import { WatchedCounters } from "../base/watched-counters.ts";
import { type Faults, startFaulty } from "./faulty-card.ts";

const timeout = 600_000;
const CLIPS = clipsIn("en").slice(0, 16);
const spoken = (clip: Clip) => ({ pcm16k: samplesOf(clip), language: "en" });
/** 64 utterances of some 1 to 3 s, each clip four times. */
const UTTERANCES = [0, 1, 2, 3].flatMap(() => CLIPS.map(spoken));

const lasting = (inferences: number): Faults["inferences"] =>
  new Int32Array(new SharedArrayBuffer(4)).fill(inferences);

async function rig(t: TestContext, faults: Partial<Faults>, plan: Partial<CardPlan> = {}) {
  const counters = new WatchedCounters();
  const all: Faults = { memorySamples: Infinity, inferences: lasting(1_000_000), ...faults };
  const recogniser = await Recogniser.start({
    ...MODEL,
    workers: 1,
    threads: 1,
    beam: 2,
    logger: silentLogger,
    counters,
    cards: { ...MODEL, devices: [{ kind: "cpu" }], timeoutMinimumMs: 300_000, retryMs: 20, ...plan },
    spawn: (data) =>
      data.rules.rows === 64
        ? startFaulty(data, all)
        : startWorker(import.meta.resolve("../../src/asr/whisper-thread.ts"), "whisper-worker", {
            workerData: data,
          }),
  });
  t.after(() => recogniser.close());
  return { recogniser, counters };
}

const texts = (answers: Promise<{ text: string } | null>[]) =>
  Promise.all(answers.map(async (answer) => (await answer)?.text ?? null));

let alone: Promise<(string | null)[]> | null = null;
/** What each is heard as by processors. */
function expected(): Promise<(string | null)[]> {
  alone ??= (async () => {
    const recogniser = await Recogniser.start({
      ...MODEL,
      workers: 1,
      threads: 1,
      beam: 2,
      rules: { rows: 1 },
      logger: silentLogger,
      counters: new WatchedCounters(),
    });
    const found = await texts(recogniser.recognise(CLIPS.map(spoken)));
    await recogniser.close();
    return [0, 1, 2, 3].flatMap(() => found);
  })();
  return alone;
}

test("64 rows in one batch, one of them poisoned, have the texts that they have alone on a processor", {
  timeout,
}, async (t) => {
  const { recogniser, counters } = await rig(t, {}, { warmUp: false });
  const poison = { pcm16k: new Float32Array(32_000).map((_, at) => (at % 2 ? 10 : -10)), language: "en" };
  const batch = [...UTTERANCES];
  batch[31] = poison;
  const heard = await texts(recogniser.recognise(batch));
  const known = await expected();
  for (const [row, text] of heard.entries()) if (row !== 31) assert.equal(text, known[row], `row ${row}`);
  assert.equal(counters.get("asr.batches"), 1);
});

test("with memory for 31 s 64 rows are recognised in portions, and none fails after the warm-up", {
  timeout,
}, async (t) => {
  const { recogniser, counters } = await rig(t, { memorySamples: 31 * 16_000 });
  assert.deepEqual(await texts(recogniser.recognise(UTTERANCES)), await expected());
  assert.equal(counters.get("asr.outOfMemory"), 0);
  assert.ok(counters.get("asr.batches") > 2);
});

test("a card that is lost in the middle of it: the rest is recognised by the processor", {
  timeout,
}, async (t) => {
  const { recogniser, counters } = await rig(
    t,
    { inferences: lasting(2) },
    { rules: { paddedSamples: 50 * 16_000 } },
  );
  const partials = recogniser.submit({
    ...(UTTERANCES[0] as (typeof UTTERANCES)[0]),
    priority: "partial",
    source: "p",
  });
  assert.deepEqual(await texts(recogniser.recognise(UTTERANCES)), await expected());
  assert.equal(await partials.answer, null);
  await counters.reach("asr.cardsLost", 1);
  assert.equal(recogniser.partialIntervalMs, null);
});
