import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { climb, heldOf } from "../../bench/climb.ts";
import type { Clip } from "../../bench/corpus.ts";
import { coveredDelays } from "../../bench/gpu/covered.ts";
import { Feeder } from "../../bench/gpu/feeder.ts";
import { type Delays, delaysOf, faultsOf, type PlayedCall } from "../../bench/held.ts";
import { differentCalls, planCall } from "../../bench/planned-call.ts";
import { PHONE_SAMPLES_PER_MS } from "../../src/base/time.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../../src/vad/frame.ts";

const delays = (own: Partial<Delays> = {}): Delays => ({
  lags: [300],
  firsts: [300],
  wholes: [300],
  finals: [1000],
  rates: { wer: 0.07, alone: 0.07, shown: 0.9, unstable: 0 },
  lost: 0,
  ...own,
});
const rates = (own: Partial<Delays["rates"]>) => delays({ rates: { ...delays().rates, ...own } });

test("calls are held while no limit is passed, and each limit has its fault", () => {
  const both = { partials: true };
  assert.deepEqual(faultsOf(delays({ finals: [2500], lags: [2000] }), both), []);
  assert.deepEqual(faultsOf(delays({ finals: [2501] }), both), ["final p95 2501 ms"]);
  assert.deepEqual(faultsOf(delays({ lags: [2001] }), both), ["word lag p95 2001 ms"]);
  assert.deepEqual(faultsOf(rates({ shown: 0.79 }), both), ["79 % of words shown before their final"]);
  assert.deepEqual(faultsOf(rates({ wer: 0.0751 }), both), ["word error rate"]);
  assert.deepEqual(faultsOf(delays({ lost: 1 }), both), ["1 gaps, errors or missing events"]);
  const finalsOnly = delays({ lags: [9000], rates: { ...delays().rates, shown: 0 } });
  assert.deepEqual(faultsOf(finalsOnly, { partials: false }), [], "finals only owe no partials");
});

test("a ladder is climbed until calls are not held, or descended until they are", async () => {
  const tried: number[] = [];
  const options = {
    ladder: [1, 2, 4, 8],
    partials: true,
    measure: async (count: number) => {
      tried.push(count);
      return delays({ finals: [1000 * count] });
    },
    headings: [],
    cells: () => [],
  };
  const print = console.log;
  console.log = () => {};
  try {
    assert.equal(heldOf(await climb(options)), 2);
    assert.deepEqual(tried.splice(0), [1, 2, 4]);
    assert.equal(heldOf(await climb({ ...options, direction: "down" })), 2);
    assert.deepEqual(tried.splice(0), [8, 4, 2]);
  } finally {
    console.log = print;
  }
  assert.equal(heldOf([]), 0);
});

const clip = (index: number): Clip => ({
  id: `${index}`,
  speaker: "",
  text: "hello there",
  pcm8k: new Float32Array(800).fill(0.1 + index / 1000),
  mulaw: new Uint8Array(800).fill(index),
  seconds: 0.1,
  speechEndMs: 100,
});

test("calls come again after as many as there are different ones, whatever the number of clips", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat({ max: 200 }), (count, index) => {
      const clips = Array.from({ length: count }, (_, each) => clip(each));
      const options = { twoTracks: false, callMs: 3000 };
      const again = planCall(clips, index + differentCalls(clips), options);
      assert.deepEqual(again, planCall(clips, index, options));
    }),
  );
});

test("a planned call has its clips where it says, a second apart, and silence between", () => {
  const clips = [clip(1), clip(2), clip(3)];
  const { sounds, clips: planned } = planCall(clips, 0, { twoTracks: false, callMs: 3000 });
  assert.deepEqual(
    planned.map(({ startMs, speechEndMs }) => [startMs, speechEndMs]),
    [
      [1000, 1100],
      [2100, 2200],
    ],
  );
  const [sound] = sounds as [Uint8Array];
  assert.equal(sound[1050 * PHONE_SAMPLES_PER_MS], 1);
  assert.equal(sound[2150 * PHONE_SAMPLES_PER_MS], 2);
  assert.equal(sound[1500 * PHONE_SAMPLES_PER_MS], 0xff);
  const { sounds: two, clips: turns } = planCall(clips, 0, { twoTracks: true, callMs: 3000 });
  assert.equal(two.length, 2);
  assert.deepEqual(
    turns.map(({ track }) => track),
    ["inbound", "outbound", "inbound"],
  );
});

test("a track has its sound when it was said, whole and in order, however late the timer is", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5000 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 40 }),
      (samples, steps) => {
        let now = 1000;
        const feeder = new Feeder(() => now);
        const pcm = Float32Array.from({ length: samples }, (_, index) => index);
        const heard: number[] = [];
        void feeder.feed(pcm, (part) => void heard.push(...part));
        for (const step of [...steps, 5000]) {
          now += step;
          feeder.tick();
          const due = Math.floor((now - 1000) / VAD_FRAME_MS) * VAD_FRAME_SAMPLES;
          assert.equal(heard.length, Math.min(samples, due));
        }
        assert.deepEqual(heard, [...pcm]);
      },
    ),
  );
});

const track = "inbound" as const;
const played: PlayedCall = {
  clips: [
    {
      track,
      startMs: 1000,
      speechEndMs: 4000,
      words: [
        { word: "hello", endMs: 500 },
        { word: "there", endMs: 2800 },
      ],
    },
  ],
  finals: [{ final: { track, utterance: 1, startMs: 900, endMs: 4200, text: "hello there" }, at: 105_300 }],
  partials: [
    {
      partial: { track, utterance: 2, startMs: 6000, endMs: 9000, text: "hello there", stable: 0 },
      at: 101_000,
    },
    { partial: { track, utterance: 1, startMs: 900, endMs: 1600, text: "hello", stable: 0 }, at: 101_900 },
    {
      partial: { track, utterance: 1, startMs: 900, endMs: 4000, text: "hello their", stable: 5 },
      at: 104_300,
    },
  ],
  startedAt: 100_000,
  reference: ["hello", "there"],
  hypothesis: ["hello", "there"],
  lost: 0,
};

test("a word is shown by the first event of its utterance that has it, and by words that say nothing when it was heard", () => {
  const told = delaysOf([played], [{ errors: 0, words: 2 }]);
  assert.deepEqual(told.lags, [400, 1500], "the second word is shown by the final only");
  assert.deepEqual(told.rates, { wer: 0, alone: 0, shown: 0.5, unstable: 0 });
  assert.deepEqual(told.finals, [1300]);
  const covered = coveredDelays([played]);
  assert.deepEqual(covered.lags, [400, 500], "the second partial had heard the second word");
  assert.equal(covered.rates.shown, 1);
  assert.deepEqual(covered.finals, [1300]);
  assert.equal(covered.lost, 0);
});

test("of words that say nothing a clip without a final is lost", () => {
  const [heard] = played.clips;
  const unheard = { ...heard, startMs: 8000, speechEndMs: 11_000 } as (typeof played.clips)[number];
  assert.equal(coveredDelays([{ ...played, clips: [...played.clips, unheard] }]).lost, 1);
  assert.equal(coveredDelays([{ ...played, finals: [] }]).lost, 1);
});
