import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type OpenAI from "openai";
import { container, openaiOf } from "../e2e/openai-client.ts";
import { type Rig, startRig } from "../e2e/rig.ts";

const timeout = 120_000;

let rig: Rig;
let client: OpenAI;
before(async () => {
  rig = await startRig();
  client = openaiOf(rig);
});
after(() => rig.close());

/** What the receiver is told was said in a call that is played now. */
async function textOfCall(): Promise<string[]> {
  const { callSid, errors } = await rig.replay("greeting-connect");
  assert.deepEqual(errors, []);
  const arrivals = await rig.receiver.ended(callSid);
  return arrivals.flatMap(({ event }) => (event.type === "transcript.final" ? [event.text] : []));
}

test("files of every kind become what is said in them, and a call beside them has the text that it has alone", {
  timeout,
}, async () => {
  const alone = await textOfCall();
  assert.ok(alone.length > 0);
  const beside = textOfCall();
  for (const name of ["speech.mp3", "speech.flac", "opus.ogg", "vorbis.ogg", "live.webm"]) {
    const file = container(name);
    const { text } = await client.audio.transcriptions.create({ file, model: "whisper-1", language: "en" });
    assert.match(text, /^Nobody is available to take your call/, name);
  }
  assert.deepEqual(await beside, alone);
});
