import assert from "node:assert/strict";
import { test } from "node:test";
import { LinescribeError } from "../../src/base/error.ts";
import { soundOf } from "./fakes.ts";
import { callOf, finalsOf, say, shortly } from "./rig.ts";

test("the words of a final are in media time of the call, and none leaves its utterance", async () => {
  const { call, events, recogniser, open } = callOf();
  recogniser.holding = true;
  say(open(), soundOf(5000, [{ startMs: 1000, endMs: 2000 }]));
  const words = [
    { word: "Good", startMs: 300, endMs: 620, confidence: 0.9 },
    { word: "day.", startMs: 620, endMs: 99_999, confidence: 0.5 },
  ];
  recogniser.asked[0]?.resolve({ text: "Good day.", words });
  await call.end("stream_stopped");
  const [final] = finalsOf(events);
  assert.ok(final);
  assert.ok(final.startMs > 0);
  assert.deepEqual(final.words, [
    { word: "Good", startMs: final.startMs + 300, endMs: final.startMs + 620, confidence: 0.9 },
    { word: "day.", startMs: final.startMs + 620, endMs: final.endMs, confidence: 0.5 },
  ]);
});

test("what is too short for a word is neither a final nor a gap", async () => {
  const { call, events, recogniser, counters, open } = callOf();
  recogniser.holding = true;
  say(open(), soundOf(5000, [{ startMs: 1000, endMs: 2000 }]));
  recogniser.asked[0]?.reject(new LinescribeError("ASR_TOO_SHORT", "as the test wants"));
  await call.end("stream_stopped");
  assert.deepEqual(
    shortly(events).filter((line) => !/^(started|ended)/.test(line)),
    [],
  );
  assert.equal(counters.get("call.utterancesWithoutWords"), 1);
});
