import assert from "node:assert/strict";
import { test } from "node:test";
import { soundOf } from "./fakes.ts";
import { callOf, say, settle, shortly } from "./rig.ts";

test("speech between two streams is a gap, however short the hole", async () => {
  const { call, events, clock, open } = callOf();
  const first = open();
  say(first, soundOf(1000, []));
  clock.now += 1000;
  first.end("stream_closed");
  clock.now += 200;
  open();
  await call.end("stream_stopped");
  assert.deepEqual(shortly(events), [
    "started",
    "inbound gap 1: 1000-1200 not_received",
    "ended: stream_stopped, 1200 ms, 0 finals, 1 gaps",
  ]);
});

for (const [what, speechMs, answer, expected] of [
  ["empty text for clear speech", 1000, { text: "" }, ["inbound gap 1: 180-1804 not_recognised"]],
  [
    "improbable words for clear speech",
    1000,
    { text: "80% of", logprob: -1.2, noSpeech: 0.7 },
    ["inbound gap 1: 180-1804 not_recognised"],
  ],
  ["empty text for something short", 200, { text: "" }, []],
] as const) {
  test(`${what} becomes ${expected.length === 0 ? "nothing" : "a gap"}`, async () => {
    const { call, events, recogniser, open } = callOf();
    recogniser.holding = true;
    say(open(), soundOf(3000, [{ startMs: 500, endMs: 500 + speechMs }]));
    await settle();
    assert.equal(recogniser.asked.length, 1);
    recogniser.asked[0]?.resolve(answer);
    await call.end("stream_stopped");
    assert.deepEqual(shortly(events).slice(1, -1), expected);
  });
}

for (const [what, belief, speech, expected] of [
  [
    "at the end of its stream",
    0.6,
    { startMs: 2000, endMs: 3000 },
    ["inbound gap 1: 1684-3008 not_recognised"],
  ],
  [
    "at the start of its stream",
    0.6,
    { startMs: 100, endMs: 1000 },
    ["inbound gap 1: 0-1324 not_recognised"],
  ],
  ["within its stream", 0.6, { startMs: 500, endMs: 1500 }, []],
  ["some time before its stream ends", 0.6, { startMs: 1500, endMs: 2500 }, []],
  ["and hardly believed, at the end", 0.4, { startMs: 2000, endMs: 3000 }, []],
] as const) {
  test(`half-believed speech without words, ${what}, becomes ${expected.length === 0 ? "nothing" : "a gap"}`, async () => {
    const { call, detector, events, recogniser, open } = callOf();
    detector.belief = belief;
    recogniser.holding = true;
    const stream = open();
    say(stream, soundOf(3000, [speech]));
    stream.end("stream_stopped");
    await settle();
    assert.equal(recogniser.asked.length, 1);
    recogniser.asked[0]?.resolve({ text: "" });
    await call.end("stream_stopped");
    assert.deepEqual(shortly(events).slice(1, -1), expected);
  });
}
