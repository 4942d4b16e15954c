import assert from "node:assert/strict";
import { test } from "node:test";
import { Endpointer } from "../../src/vad/endpointer.ts";
import { endpointerOptions, PROFILES } from "../../src/vad/profile.ts";

function utterances(profile: keyof typeof PROFILES, probabilities: number[]): number {
  const endpointer = new Endpointer(PROFILES[profile]);
  return [...probabilities.flatMap((p) => endpointer.push(p)), ...endpointer.flush()].length;
}

const silence = (ms: number): number[] => new Array<number>(Math.floor(ms / 32)).fill(0);
const speech = (ms: number): number[] => new Array<number>(Math.floor(ms / 32)).fill(0.9);

test("the phone profile keeps an answer of 96 ms, the pcm profile one of 320 ms and not of 288 ms", () => {
  assert.equal(utterances("phone", [...silence(500), ...speech(96), ...silence(2000)]), 1);
  assert.equal(utterances("pcm", [...silence(500), ...speech(288), ...silence(2000)]), 0);
  assert.equal(utterances("pcm", [...silence(500), ...speech(320), ...silence(2000)]), 1);
});

test("a pause of 992 ms divides an utterance in the pcm profile and not in the phone profile, one of 1024 ms in both", () => {
  const sentence = (pauseMs: number) => [...speech(1000), ...silence(pauseMs), ...speech(1000)];
  assert.equal(utterances("phone", sentence(992)), 1);
  assert.equal(utterances("pcm", sentence(992)), 2);
  assert.equal(utterances("phone", sentence(1024)), 2);
});

test("the pcm profile has the values that users of such servers know", () => {
  const { onsetThreshold, silenceMs, minimumSpeechMs } = PROFILES.pcm;
  assert.deepEqual(
    { onsetThreshold, silenceMs, minimumSpeechMs },
    { onsetThreshold: 0.5, silenceMs: 500, minimumSpeechMs: 300 },
  );
});

test("profiles cannot be changed by accident", () => {
  assert.throws(() => Object.assign(PROFILES.phone, { silenceMs: 1 }), TypeError);
});

test("shorter utterances need no other setting beside their length", () => {
  assert.equal(endpointerOptions("phone", { maximumUtteranceMs: 10_000 }).cutSearchMs, 4000);
  assert.equal(endpointerOptions("phone", { maximumUtteranceMs: 30_000 }).cutSearchMs, 8000);
  assert.equal(
    endpointerOptions("phone", { maximumUtteranceMs: 10_000, cutSearchMs: 5000 }).cutSearchMs,
    5000,
  );
});
