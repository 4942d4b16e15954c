import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { type Rig, startRig } from "../e2e/rig.ts";

const timeout = 120_000;

let rig: Rig;
let client: OpenAI;
before(async () => {
  rig = await startRig();
  client = new OpenAI({ apiKey: "unused", baseURL: `${rig.server.url}/v1`, maxRetries: 0 });
});
after(() => rig.close());

function container(name: string): File {
  const file = path.resolve(import.meta.dirname, "../../fixtures/containers", name);
  return new File([new Uint8Array(readFileSync(file))], name);
}

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
