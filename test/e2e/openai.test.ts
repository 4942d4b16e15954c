import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type OpenAI from "openai";
import { container, openaiOf } from "./openai-client.ts";
import { type Rig, startRig } from "./rig.ts";
import { sharedEngine } from "./shared-engine.ts";

const timeout = 120_000;

let rig: Rig;
let client: OpenAI;
before(async () => {
  rig = await startRig({}, { engine: await sharedEngine() });
  client = openaiOf(rig);
});
after(() => rig.close());

test("words and segments lie in the file, in order, and no word that was said is in the log", {
  timeout,
}, async () => {
  const answer: OpenAI.Audio.TranscriptionVerbose = await client.audio.transcriptions.create({
    file: container("speech.mp3"),
    model: "whisper-base",
    response_format: "verbose_json",
    timestamp_granularities: ["segment", "word"],
    prompt: "nobody, zyntriqix",
  });
  const { language, duration, segments = [], words = [] } = answer;
  assert.equal(language, "english");
  assert.ok(Math.abs(duration - 2.788) < 0.01);
  assert.equal(segments.length, 1);
  assert.ok((segments[0]?.tokens.length ?? 0) > 5 && (segments[0]?.avg_logprob ?? 0) < 0);
  assert.equal(words.map(({ word }) => word).join(" "), answer.text);
  let at = 0;
  for (const { start, end } of words) {
    assert.ok(start >= at && end >= start && end <= duration);
    at = start;
  }
  assert.equal(rig.log.filter((line) => /nobody|available|zyntriqix/i.test(line)).length, 0);
  assert.ok(rig.log.some((line) => line.includes("file transcribed")));
});
