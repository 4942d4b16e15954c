import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi, toneFile } from "./rig.ts";

const file = () =>
  toneFile(6000, [
    [500, 1500],
    [3500, 5000],
  ]);

test("the client of OpenAI gets the text of a file, and how long it plays", async (t) => {
  const { client, released, counters } = await startApi(t);
  const { data, request_id } = await client.audio.transcriptions
    .create({ file: file(), model: "whisper-1" })
    .withResponse();
  assert.match(data.text, /^\d+ ms \d+ ms$/);
  assert.deepEqual(data.usage, { type: "duration", seconds: 6 });
  assert.match(request_id ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(released(), 1);
  assert.equal(counters.get("api.transcriptions.answered"), 1);
});

test("text is only that", async (t) => {
  const { client } = await startApi(t);
  const text = await client.audio.transcriptions.create({
    file: file(),
    model: "whisper-base",
    response_format: "text",
  });
  assert.match(String(text), /^\d+ ms \d+ ms\n$/);
});

test("what the client sends of a faulty file comes back as its own error", async (t) => {
  const { client } = await startApi(t);
  const none = new File(["no sound at all"], "voice.wav");
  await assert.rejects(client.audio.transcriptions.create({ file: none, model: "whisper-1" }), {
    name: "Error",
    status: 415,
    code: "MEDIA_UNSUPPORTED",
    param: "file",
    type: "invalid_request_error",
  });
});
