import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import * as fc from "fast-check";
import type { RecognitionRequest } from "../../src/asr/intake.ts";
import { Recogniser } from "../../src/asr/recogniser.ts";
import type { CardPlan, RecogniserOptions } from "../../src/asr/recogniser-options.ts";
import { Schedule } from "../../src/asr/schedule.ts";
import { type Logger, silentLogger } from "../../src/base/log.ts";
import { WatchedCounters } from "../base/watched-counters.ts";
import { MODEL } from "./clips.ts";
import { CARD_LOST, FakeDevice } from "./fake-card.ts";

const timeout = 20_000;

/** A recogniser with so many cards, all fake, and a fake processor; texts say who answered. */
async function rig(t: TestContext, plan: Partial<CardPlan> = {}, more: Partial<RecogniserOptions> = {}) {
  const cards = (plan.devices ?? [{ kind: "cuda", card: 0 }]).map(() => new FakeDevice("card "));
  const processor = new FakeDevice("cpu ");
  const counters = new WatchedCounters();
  const logged: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => logged.push(fields) };
  const recogniser = await Recogniser.start({
    ...MODEL,
    workers: 2,
    threads: 1,
    logger,
    counters,
    cards: { ...MODEL, devices: [{ kind: "cuda", card: 0 }], retryMs: 2, ...plan },
    spawn: (data) => {
      const { device } = data;
      return (device.kind === "cuda" ? (cards[device.card] as FakeDevice) : processor).spawn(data);
    },
    ...more,
  });
  t.after(() => recogniser.close());
  return { recogniser, cards, card: cards[0] as FakeDevice, processor, counters, logged };
}

const SOUND = new Float32Array(30 * 16_000).map((_, at) => Math.sin(at) / 2);
/** Some 2 s of sound; its length is its name. */
const utterance = (number = 0, seconds = 2) => ({
  pcm16k: SOUND.slice(0, seconds * 16_000 + number),
  language: "en",
});
const many = (count: number, seconds = 2) =>
  Array.from({ length: count }, (_, number) => utterance(number, seconds));
const lengths = (utterances: { pcm16k: Float32Array }[]) => utterances.map(({ pcm16k }) => pcm16k.length);

/** The text or the code of each. */
const outcomes = (answers: Promise<{ text: string } | null>[]) =>
  Promise.all(
    answers.map((answer) =>
      answer.then(
        (found) => found?.text ?? null,
        ({ code }) => code as string,
      ),
    ),
  );
const submit = (
  recogniser: Recogniser,
  priority: RecognitionRequest["priority"],
  source: string,
  number = 0,
) => recogniser.submit({ ...utterance(number), priority, source }).answer;

test("64 utterances that come within a few milliseconds are one batch of a card", { timeout }, async (t) => {
  const { recogniser, card, processor, counters } = await rig(t, { rules: { gatherMs: 10_000 } });
  const utterances = many(64);
  const answers = utterances.map((each, index) =>
    recogniser.submit({ ...each, priority: index % 2 ? "final" : "speculative", source: `${index}` }),
  );
  const texts = await outcomes(answers.map(({ answer }) => answer));
  assert.deepEqual(
    texts,
    lengths(utterances).map((length) => `card ${length}`),
  );
  assert.deepEqual(card.batches, [64]);
  assert.deepEqual(processor.batches, []);
  assert.equal(counters.get("asr.recognitions.speculative"), 32);
});

test("a batch that does not fit is done in halves, and those that follow are smaller", {
  timeout,
}, async (t) => {
  const { recogniser, card, processor, counters } = await rig(t);
  // 20 windows of 2.56 s.
  card.memorySamples = 20 * 2.56 * 16_000;
  const utterances = many(64);
  const round = async () => {
    const texts = await outcomes(recogniser.recognise(utterances));
    assert.deepEqual(
      texts,
      lengths(utterances).map((length) => `card ${length}`),
    );
    return counters.get("asr.outOfMemory");
  };
  const failures = await round();
  assert.ok(failures > 0);
  const batches = counters.get("asr.batches");
  assert.equal(await round(), failures);
  // They are not even put together any more.
  assert.ok(counters.get("asr.batches") - batches >= 4);
  assert.ok(Math.max(...card.batches) <= 20 && Math.max(...card.batches) >= 10, `${card.batches}`);
  assert.deepEqual(processor.batches, []);
  assert.equal(recogniser.fallenBack, false);
});

test("an utterance that no card has memory for is recognised by a processor", { timeout }, async (t) => {
  const { recogniser, card, processor } = await rig(t);
  card.memorySamples = 5 * 16_000;
  const [long, ...short] = [utterance(7, 20), ...many(5)];
  const texts = await outcomes(recogniser.recognise([long as (typeof short)[0], ...short]));
  assert.equal(texts[0], "cpu 320007");
  assert.ok(texts.slice(1).every((text) => text?.startsWith("card ")));
  assert.deepEqual(processor.batches, [1]);
});

test("what finds an utterance at fault answers its 63 neighbours, and a processor tries it", {
  timeout,
}, async (t) => {
  const { recogniser, card, counters } = await rig(t);
  card.fault = (utterances) =>
    lengths([...utterances]).includes(32_013) ? "indices element out of data bounds" : null;
  const texts = await outcomes(recogniser.recognise(many(64)));
  assert.deepEqual(
    texts,
    many(64).map(({ pcm16k }, number) => (number === 13 ? "cpu 32013" : `card ${pcm16k.length}`)),
  );
  assert.equal(counters.get("asr.workersLost"), 0);
});

test("a card that is lost in mid-batch: its finals are answered by processors, partials are off until it is back", {
  timeout,
}, async (t) => {
  const { recogniser, card, processor, counters, logged } = await rig(t);
  assert.equal(recogniser.partialIntervalMs, 300);
  card.fault = () => CARD_LOST;
  card.loads = false;
  const finals = recogniser.recognise(many(20));
  const hopeful = [submit(recogniser, "partial", "p"), submit(recogniser, "speculative", "s")];
  const texts = await outcomes(finals);
  assert.deepEqual(
    texts,
    lengths(many(20)).map((length) => `cpu ${length}`),
  );
  assert.equal((await outcomes(hopeful))[0], null);
  await counters.reach("asr.cardsLost", 1);
  assert.deepEqual([recogniser.fallenBack, recogniser.partialIntervalMs], [true, null]);
  assert.deepEqual(recogniser.cards, { planned: 1, up: 0 });
  assert.equal(logged.filter((fields) => "code" in fields && fields.code === "ASR_CARD_LOST").length, 1);
  assert.equal(await submit(recogniser, "partial", "p"), null);
  assert.deepEqual(await outcomes(recogniser.recognise(many(1))), ["cpu 32000"]);
  assert.equal(processor.workers.length, 2);

  card.fault = () => null;
  card.loads = true;
  await counters.reach("asr.cardsBack", 1);
  assert.deepEqual([recogniser.fallenBack, recogniser.partialIntervalMs], [false, 300]);
  assert.equal((await submit(recogniser, "partial", "p"))?.text, "card 32000");
});

test("a worker of a card that dies, or does not answer, costs no final", { timeout }, async (t) => {
  const { recogniser, card, counters } = await rig(t, { timeoutMinimumMs: 30, timeoutMsPerSecond: 0 });
  const release = card.hang();
  const texts = lengths(many(10)).map((length) => `cpu ${length}`);
  const late = recogniser.recognise(many(10));
  await counters.reach("asr.batches", 1);
  card.workers.at(-1)?.die();
  assert.deepEqual(await outcomes(late), texts);
  await counters.reach("asr.workersLost", 1);
  await card.up(2);
  assert.deepEqual(await outcomes(recogniser.recognise(many(10))), texts);
  assert.equal(counters.get("asr.timeouts"), 1);
  release();
});

test("what waits counts per row of the cards that are up, and in full when they are lost", {
  timeout,
}, async (t) => {
  const { recogniser, card } = await rig(t);
  const release = card.hang();
  const answers = recogniser.recognise(many(64));
  const seconds = () => Math.round(recogniser.pendingSeconds);
  assert.equal(seconds(), 2);
  card.loads = false;
  card.workers[0]?.die();
  assert.equal(seconds(), 128);
  release();
  await outcomes(answers);
  assert.equal(seconds(), 0);
});

test("what was submitted is heard as it was then, whatever becomes of the buffer", { timeout }, async (t) => {
  const { recogniser, card } = await rig(t);
  const peaks: number[] = [];
  card.fault = (utterances) => {
    peaks.push(...utterances.map(({ pcm16k }) => pcm16k[1] as number));
    return null;
  };
  const { pcm16k, language } = utterance();
  const priorities = ["final", "speculative", "partial"] as const;
  const jobs = priorities.map((priority) =>
    recogniser.submit({ pcm16k, language, priority, source: priority }),
  );
  pcm16k.fill(0);
  await outcomes(jobs.map(({ answer }) => answer));
  assert.deepEqual(peaks, [SOUND[1], SOUND[1], SOUND[1]]);
});

test("what stands by does not look through the queue while nothing is for it", { timeout }, async (t) => {
  const { recogniser, card } = await rig(t, { rules: { gatherMs: 0, rows: 1 } });
  const release = card.hang();
  const first = recogniser.recognise(many(1));
  const take = t.mock.method(Schedule.prototype, "take");
  const others = recogniser.recognise(many(20));
  assert.equal(take.mock.callCount(), 0);
  release();
  await outcomes([...first, ...others]);
});

test("while another card is up, nothing falls back", { timeout }, async (t) => {
  const devices = [0, 1].map((card) => ({ kind: "cuda" as const, card }));
  const { recogniser, cards, processor, counters } = await rig(t, { devices });
  const [first, second] = cards as [FakeDevice, FakeDevice];
  first.loads = false;
  first.workers[0]?.die();
  await counters.reach("asr.cardsLost", 1);
  assert.deepEqual(recogniser.cards, { planned: 2, up: 1 });
  assert.equal(recogniser.partialIntervalMs, 300);
  assert.equal((await outcomes(recogniser.recognise(many(8))))[0], "card 32000");
  assert.deepEqual([second.batches, processor.batches, processor.workers.length], [[8], [], 1]);
});

test("finals wait for a card that is being restarted when the processor that stands by is lost, too", {
  timeout,
}, async (t) => {
  const plan = { retryMs: 1500, rules: { gatherMs: 0 } };
  const { recogniser, card, processor, counters } = await rig(t, plan, { workers: 1 });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  processor.loads = false;
  processor.workers[0]?.die();
  await counters.reach("asr.workersLost", 2);
  t.mock.timers.tick(1000);
  await counters.reach("asr.workersLost", 3);
  card.workers[0]?.die();
  const answers = outcomes(recogniser.recognise(many(1)));
  t.mock.timers.tick(1000);
  // The processor has failed to start three times now, and is given up.
  await counters.reach("asr.workersLost", 5);
  assert.equal(recogniser.queued, 1);
  t.mock.timers.tick(500);
  assert.deepEqual(await answers, ["card 32000"]);
});

test("finals are given up when neither cards nor processors come up", { timeout }, async (t) => {
  const { recogniser, card, processor, counters } = await rig(t, {}, { workers: 1 });
  card.loads = false;
  card.workers[0]?.die();
  await counters.reach("asr.cardsLost", 1);
  processor.loads = false;
  processor.workers[0]?.die();
  assert.deepEqual(await outcomes(recogniser.recognise(many(1))), ["ASR_CARD_LOST"]);
});

test("all processors help when no card has been up for a while, long before it is given up", {
  timeout,
}, async (t) => {
  const { recogniser, card, processor, counters } = await rig(t, { retryMs: 600_000, patienceMs: 20 });
  card.loads = false;
  card.workers[0]?.die();
  assert.equal(processor.workers.length, 1);
  await processor.up(2);
  assert.equal(counters.get("asr.cardsLost"), 0);
  assert.deepEqual(await outcomes(recogniser.recognise(many(1))), ["cpu 32000"]);
});

test("the other processors are not started for a card that is soon back", { timeout }, async (t) => {
  const { recogniser, card, processor } = await rig(t, { patienceMs: 50 });
  card.workers[0]?.die();
  await card.up(2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(recogniser.fallenBack, false);
  assert.equal(processor.workers.length, 1);
});

test("a card that does not start is left out, told of, and tried again, unless all are needed", {
  timeout,
}, async (t) => {
  const bad = new FakeDevice("card ");
  bad.loads = false;
  const good = new FakeDevice("card ");
  const devices = [bad, good];
  const counters = new WatchedCounters();
  const warned: unknown[] = [];
  const start = (more: Partial<CardPlan> = {}) =>
    Recogniser.start({
      ...MODEL,
      workers: 1,
      threads: 1,
      logger: { ...silentLogger, warn: (fields) => void warned.push(fields) },
      counters,
      cards: { ...MODEL, devices: [0, 1].map((card) => ({ kind: "cuda", card })), retryMs: 2, ...more },
      spawn: (data) =>
        (data.device.kind === "cuda" ? (devices[data.device.card] as FakeDevice) : new FakeDevice()).spawn(
          data,
        ),
    });
  await assert.rejects(start({ needsAll: true }), { code: "ASR_CARD_LOST" });
  assert.equal(warned.length, 0);
  const recogniser = await start();
  t.after(() => recogniser.close());
  const [{ code, device }] = warned as [{ code: string; device: object }];
  assert.deepEqual([code, device], ["ASR_CARD_LOST", { kind: "cuda", card: 0 }]);
  assert.deepEqual(recogniser.cards, { planned: 2, up: 1 });
  assert.deepEqual(await outcomes(recogniser.recognise(many(1))), ["card 32000"]);
  bad.loads = true;
  await bad.up(1);
  assert.deepEqual(recogniser.cards, { planned: 2, up: 2 });
  good.loads = false;
  bad.loads = false;
  await assert.rejects(start(), { code: "ASR_CARD_LOST" });
});

test("memory is tried before calls come: what fits bounds the batches, and nothing fails later", {
  timeout,
}, async (t) => {
  const spare = new FakeDevice("card ");
  spare.memorySamples = 100 * 16_000;
  const processor = new FakeDevice("cpu ");
  const counters = new WatchedCounters();
  const warned: object[] = [];
  const recogniser = await Recogniser.start({
    ...MODEL,
    workers: 1,
    threads: 1,
    logger: { ...silentLogger, warn: (fields) => void warned.push(fields) },
    counters,
    cards: { ...MODEL, devices: [{ kind: "cuda", card: 0 }] },
    spawn: (data) => (data.device.kind === "cuda" ? spare : processor).spawn(data),
  });
  t.after(() => recogniser.close());
  const memory = { paddedSeconds: 80, plannedSeconds: 320 };
  assert.deepEqual(warned, [{ code: "ASR_OUT_OF_MEMORY", device: { kind: "cuda", card: 0 }, ...memory }]);
  await outcomes(recogniser.recognise([...many(64), ...many(20, 10)]));
  assert.equal(counters.get("asr.outOfMemory"), 0);
  assert.deepEqual(processor.batches, []);
  assert.ok(spare.batches.length > 1);
});

test("a card without memory for one utterance fails the start by name, one that does not answer CUDA too", {
  timeout,
}, async () => {
  const start = (card: FakeDevice) =>
    Recogniser.start({
      ...MODEL,
      workers: 1,
      threads: 1,
      logger: silentLogger,
      counters: new WatchedCounters(),
      cards: { ...MODEL, devices: [{ kind: "cuda", card: 0 }] },
      spawn: (data) => (data.device.kind === "cuda" ? card : new FakeDevice()).spawn(data),
    });
  const full = new FakeDevice();
  full.memorySamples = 0;
  await assert.rejects(start(full), { code: "ASR_OUT_OF_MEMORY" });
  const dead = new FakeDevice();
  dead.loads = false;
  await assert.rejects(start(dead), { code: "ASR_CARD_LOST" });
});

const anyFault = fc.record({
  count: fc.integer({ min: 1, max: 70 }),
  seconds: fc.integer({ min: 1, max: 3 }),
  kind: fc.constantFrom("none", "lost", "dies", "memory", "poison"),
  fits: fc.integer({ min: 1, max: 100 }),
});

test("whatever befalls a card, every final is answered once, with its own text", { timeout }, async (t) => {
  const { recogniser, card } = await rig(t, {}, { queueMaximum: 10_000 });
  await fc.assert(
    fc.asyncProperty(fc.array(anyFault, { minLength: 1, maxLength: 4 }), async (waves) => {
      const expected: number[] = [];
      const answers: Promise<{ text: string }>[] = [];
      for (const { count, seconds, kind, fits } of waves) {
        card.memorySamples = kind === "memory" ? fits * 16_000 : Infinity;
        let faults = kind === "lost" ? 1 : 0;
        card.fault = (utterances) => {
          if (kind === "poison" && lengths([...utterances]).some((length) => length % 16_000 === 3))
            return "bad row";
          faults -= 1;
          return faults >= 0 ? CARD_LOST : null;
        };
        const wave = many(count, seconds);
        expected.push(...lengths(wave));
        answers.push(...recogniser.recognise(wave));
        await new Promise(setImmediate);
        if (kind === "dies") card.workers.at(-1)?.die();
      }
      const texts = await outcomes(answers);
      assert.deepEqual(
        texts.map((text) => Number(text?.split(" ")[1])),
        expected,
      );
      assert.equal(recogniser.queued, 0);
      assert.equal(recogniser.pendingSeconds, 0);
    }),
    { numRuns: 15 },
  );
});
