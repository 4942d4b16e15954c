import assert from "node:assert/strict";
import { test } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/log.ts";
import { Transcriber } from "../../src/recording/transcriber.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";

/** A tone of a second at the beginning of every three. */
function recordingOf(seconds: number) {
  const pcm16k = new Float32Array(seconds * 16_000);
  for (let at = 0; at < pcm16k.length; at++) {
    if (at % 48_000 >= 16_000 && at % 48_000 < 32_000) pcm16k[at] = 0.4 * Math.sin(at / 6);
  }
  return {
    durationMs: seconds * 1000,
    tracks: [{ track: "inbound" as const, packets: null, pcm16k: () => pcm16k }],
  };
}

function rig(endpointer: typeof PROFILES.phone | null = PROFILES.phone) {
  const [recogniser, detector] = [new ScriptedRecogniser(), new LoudnessDetector()];
  const shared = { logger: silentLogger, counters: new Counters() };
  const transcriber = new Transcriber({ detector, recogniser, endpointer, priority: "file", ...shared });
  return { recogniser, detector, transcriber };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

test("utterances come in order, with what the model said of each, while the recording is worked on", async () => {
  const { recogniser, transcriber } = rig();
  const told: string[] = [];
  const shares: number[] = [];
  const transcript = await transcriber.transcribe(recordingOf(9), {
    language: "en",
    onUtterance: ({ text }) => told.push(text),
    onProgress: (share) => shares.push(share),
  });
  assert.equal(transcript.utterances.length, 3);
  assert.deepEqual(
    told,
    transcript.utterances.map(({ text }) => text),
  );
  assert.equal(transcript.text, told.join(" "));
  assert.deepEqual(transcript.utterances[0]?.model, { tokens: [], logprob: -0.1, noSpeech: 0 });
  assert.equal(transcript.failure, null);
  assert.equal(shares.at(-1), 1);
  assert.ok(recogniser.asked.every(({ priority }) => priority === "file"));
});

test("a long recording has so much with the recogniser and no more", async () => {
  const { recogniser, transcriber } = rig();
  recogniser.holding = true;
  const transcript = transcriber.transcribe(recordingOf(600), { language: "en" });
  let most = 0;
  for (let answered = 0; answered < 200; answered++) {
    if (recogniser.asked.length <= answered) await settle();
    const open = recogniser.asked.slice(answered).reduce((sum, { pcm16k }) => sum + pcm16k.length, 0);
    most = Math.max(most, open / 16_000);
    recogniser.asked[answered]?.resolve();
  }
  assert.equal((await transcript).utterances.length, 200);
  assert.ok(most > 30 && most < 55, `${most} s`);
});

test("a recording that is given up asks for nothing more, and drops what waits", async () => {
  const { recogniser, detector, transcriber } = rig();
  recogniser.holding = true;
  const aborted = new AbortController();
  const transcript = transcriber.transcribe(recordingOf(600), { language: "en", signal: aborted.signal });
  transcript.catch(() => {});
  await settle();
  assert.ok(recogniser.asked.length > 0);
  aborted.abort(new Error("not wanted"));
  await assert.rejects(transcript, { message: "not wanted" });
  assert.equal(recogniser.asked.length, 0);
  const { frames } = detector;
  await settle();
  assert.equal(detector.frames, frames);
});

test("what the machine could not recognise is told apart from what had no words", async () => {
  const { recogniser, transcriber } = rig();
  recogniser.holding = true;
  const running = transcriber.transcribe(recordingOf(9), { language: "en" });
  await settle();
  recogniser.asked[0]?.resolve({ text: "" });
  recogniser.asked[1]?.reject(new LinescribeError("ASR_TIMEOUT", "as the test wants"));
  recogniser.asked[2]?.reject(new LinescribeError("ASR_TOO_SHORT", "as the test wants"));
  const { utterances, failed, failure } = await running;
  assert.deepEqual(utterances, []);
  assert.equal(failed.length, 2);
  assert.equal(failure?.code, "ASR_TIMEOUT");
});

test("a detector that fails in the middle fails the recording", async () => {
  const { detector, recogniser, transcriber } = rig();
  recogniser.holding = true;
  detector.holding = true;
  const running = transcriber.transcribe(recordingOf(30), { language: "en" });
  running.catch(() => {});
  await settle();
  detector.fail();
  for (let time = 0; time < 3; time++) {
    await settle();
    for (const { resolve } of recogniser.asked) resolve();
  }
  await assert.rejects(running, { code: "VAD_WORKER_LOST" });
});
