import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type OpenAI from "openai";
import { LinescribeError } from "../../src/base/error.ts";
import { startApi, toneFile, until } from "./rig.ts";

const file = () =>
  toneFile(6000, [
    [500, 1500],
    [3500, 5000],
  ]);

/** The recogniser answers each utterance with these, in turn; the second has words. */
async function startTalking(t: TestContext) {
  const rig = await startApi(t);
  const { recogniser } = rig;
  const submit = recogniser.submit.bind(recogniser);
  let utterances = 0;
  recogniser.holding = true;
  recogniser.submit = (request) => {
    const job = submit(request);
    utterances += 1;
    recogniser.asked.at(-1)?.resolve({
      text: utterances === 1 ? "Call me back." : "Thank you.",
      logprob: -0.25,
      noSpeech: 0.0123,
      language: "en",
      words: ["Thank", "you."].map((word, index) => ({
        word,
        startMs: index * 500,
        endMs: index * 500 + 400,
        confidence: 0.9,
      })),
      tokens: [1, 2, 3],
    });
    return job;
  };
  return rig;
}

test("the client of OpenAI gets the text of a file, and how long it plays", async (t) => {
  const { client, released, counters, recogniser } = await startTalking(t);
  const { data, request_id } = await client.audio.transcriptions
    .create({ file: file(), model: "whisper-1" })
    .withResponse();
  assert.deepEqual(data, { text: "Call me back. Thank you.", usage: { type: "duration", seconds: 6 } });
  assert.match(request_id ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(released(), 1);
  assert.equal(counters.get("api.transcriptions.answered"), 1);
  assert.deepEqual(
    recogniser.asked.map(({ priority, language }) => [priority, language]),
    [
      ["file", "auto"],
      ["file", "auto"],
    ],
  );
});

test("text, SubRip and WebVTT are plain text, and the client hands it on as it is", async (t) => {
  const { client } = await startTalking(t);
  const ask = async (response_format: "text" | "srt" | "vtt") => {
    const answer = await client.audio.transcriptions.create({
      file: file(),
      model: "whisper-base",
      response_format,
    });
    return String(answer);
  };
  assert.equal(await ask("text"), "Call me back. Thank you.\n");
});

for (const format of ["srt", "vtt"] as const) {
  test(`${format} has a cue for each utterance, timed by its words`, async (t) => {
    const { client } = await startTalking(t);
    const answer = String(
      await client.audio.transcriptions.create({
        file: file(),
        model: "whisper-base",
        response_format: format,
      }),
    );
    const comma = format === "srt" ? "," : "\\.";
    const time = `\\d\\d:\\d\\d:\\d\\d${comma}\\d{3}`;
    assert.equal(answer.match(new RegExp(`^${time} --> ${time}$`, "gm"))?.length, 2);
    assert.match(answer, format === "srt" ? /^1\n/ : /^WEBVTT\n\n/);
  });
}

test("verbose JSON has segments and words where they are asked for, and nothing that is not true", async (t) => {
  const { client } = await startTalking(t);
  const ask = (granularities?: ("segment" | "word")[]): Promise<OpenAI.Audio.TranscriptionVerbose> =>
    client.audio.transcriptions.create({
      file: file(),
      model: "whisper-1",
      response_format: "verbose_json",
      language: "en",
      ...(granularities ? { timestamp_granularities: granularities } : {}),
    });
  const both = await ask(["segment", "word"]);
  assert.equal(both.language, "english");
  assert.equal(both.duration, 6);
  assert.equal(both.text, "Call me back. Thank you.");
  assert.deepEqual(Object.keys(both.segments?.[0] ?? {}), [
    ...["id", "seek", "start", "end", "text", "tokens", "temperature"],
    ...["avg_logprob", "compression_ratio", "no_speech_prob"],
  ]);
  const [first, second] = both.segments ?? [];
  assert.ok(first && second);
  assert.deepEqual([first.id, second.id, first.text, second.text], [0, 1, "Call me back.", "Thank you."]);
  assert.deepEqual([first.tokens, first.avg_logprob, first.no_speech_prob], [[1, 2, 3], -0.25, 0.0123]);
  assert.ok(first.start > 0.1 && first.start < 0.5 && first.end > 1.5 && second.start > 3 && second.end <= 6);
  assert.equal(both.words?.length, 4);
  assert.deepEqual(both.words?.[0], { word: "Thank", start: first.start, end: (first.start * 10 + 4) / 10 });
  assert.equal((await ask(["word"])).segments, undefined);
  assert.equal((await ask(["segment"])).words, undefined);
  assert.deepEqual(Object.keys(await ask()), ["task", "language", "duration", "text", "segments", "usage"]);
});

test("a stream has each utterance as it is recognised, and the deltas joined are the text", async (t) => {
  const { client } = await startTalking(t);
  const stream = await client.audio.transcriptions.create({ file: file(), model: "whisper-1", stream: true });
  const events: OpenAI.Audio.TranscriptionStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  assert.deepEqual(events, [
    { type: "transcript.text.delta", delta: "Call me back." },
    { type: "transcript.text.delta", delta: " Thank you." },
    { type: "transcript.text.done", text: "Call me back. Thank you." },
  ]);
});

test("a fault in the middle of a stream is thrown by the client", async (t) => {
  const { client, recogniser, released } = await startApi(t);
  recogniser.holding = true;
  const stream = await client.audio.transcriptions.create({ file: file(), model: "whisper-1", stream: true });
  await until(() => recogniser.asked.length >= 2);
  recogniser.asked[0]?.resolve({ text: "Call me back." });
  recogniser.asked[1]?.reject(new LinescribeError("ASR_WORKER_LOST", "as the test wants"));
  const texts: string[] = [];
  await assert.rejects(
    async () => {
      for await (const event of stream) if (event.type === "transcript.text.delta") texts.push(event.delta);
    },
    { code: "ASR_WORKER_LOST", type: "server_error" },
  );
  assert.deepEqual(texts, ["Call me back."]);
  assert.equal(released(), 1);
});

test("a transcript with a hole in it is an error, not a shorter text", async (t) => {
  const { client, recogniser } = await startApi(t);
  recogniser.holding = true;
  const answer = client.audio.transcriptions.create({ file: file(), model: "whisper-1" });
  answer.catch(() => {});
  await until(() => recogniser.asked.length >= 2);
  recogniser.asked[0]?.resolve();
  recogniser.asked[1]?.reject(new LinescribeError("ASR_OVERLOADED", "as the test wants"));
  await assert.rejects(answer, { status: 503, code: "ASR_OVERLOADED" });
});

test("a client that goes away stops the work: nothing more is recognised, and its place is free", async (t) => {
  const { client, recogniser, counters, released } = await startApi(t, { maximumRequests: 1 });
  recogniser.holding = true;
  const aborted = new AbortController();
  const spans = Array.from({ length: 9 }, (_, index): [number, number] => [
    index * 3000,
    index * 3000 + 1000,
  ]);
  const answer = client.audio.transcriptions.create(
    { file: toneFile(28_000, spans), model: "whisper-1" },
    { signal: aborted.signal },
  );
  answer.catch(() => {});
  await until(() => recogniser.asked.length > 0);
  aborted.abort();
  await assert.rejects(answer, { name: "Error", message: /abort/i });
  await until(() => released() > 0);
  assert.equal(counters.get("api.transcriptions.abandoned"), 1);
  // What waited was dropped, and nothing is asked for any more.
  assert.equal(recogniser.asked.length, 0);
  recogniser.holding = false;
  await client.audio.transcriptions.create({ file: file(), model: "whisper-1" });
});

const REFUSED: [options: Record<string, unknown>, status: number, code: string, param: string][] = [
  [{ model: "gpt-4o-transcribe" }, 404, "REQUEST_UNKNOWN_MODEL", "model"],
  [{ language: "tlh" }, 400, "REQUEST_UNSUPPORTED_OPTION", "language"],
  [{ temperature: 0.4 }, 400, "REQUEST_UNSUPPORTED_OPTION", "temperature"],
  [{ response_format: "diarized_json" }, 400, "REQUEST_UNSUPPORTED_OPTION", "response_format"],
  [{ include: ["logprobs"] }, 400, "REQUEST_UNSUPPORTED_OPTION", "include[]"],
  [{ timestamp_granularities: ["word"] }, 400, "REQUEST_UNSUPPORTED_OPTION", "timestamp_granularities"],
  [{ response_format: "srt", stream: true }, 400, "REQUEST_UNSUPPORTED_OPTION", "stream"],
  [
    { chunking_strategy: { type: "server_vad" } },
    400,
    "REQUEST_UNSUPPORTED_OPTION",
    "chunking_strategy[type]",
  ],
  [{ known_speaker_names: ["agent"] }, 400, "REQUEST_UNSUPPORTED_OPTION", "known_speaker_names[]"],
  [{ file: new File(["no sound at all"], "voice.wav") }, 415, "MEDIA_UNSUPPORTED", "file"],
  [{ file: new File([""], "voice.wav") }, 400, "REQUEST_MALFORMED", "file"],
  [{ file: new File(["RIFF....WAVE"], "voice.wav") }, 400, "MEDIA_MALFORMED", "file"],
  [{ file: new File([new Uint8Array(1_000_001)], "voice.wav") }, 413, "REQUEST_TOO_LARGE", "file"],
];

test("what cannot be honoured is refused by name in the shape that the client reads", async (t) => {
  const { client, recogniser, released } = await startApi(t);
  for (const [options, status, code, param] of REFUSED) {
    const body = {
      file: file(),
      model: "whisper-1",
      ...options,
    } as OpenAI.Audio.TranscriptionCreateParamsNonStreaming;
    await assert.rejects(
      Promise.resolve(client.audio.transcriptions.create(body)),
      { status, code, param, type: "invalid_request_error" },
      JSON.stringify(options),
    );
  }
  assert.equal(recogniser.asked.length, 0);
  assert.equal(released(), REFUSED.length);
});

test("options that change nothing here are taken: temperature 0, automatic chunks, empty fields", async (t) => {
  const { client } = await startTalking(t);
  const { text } = await client.audio.transcriptions.create({
    ...{ file: file(), model: "whisper-1", temperature: 0, chunking_strategy: "auto", prompt: "" },
  });
  assert.equal(text, "Call me back. Thank you.");
});

test("a prompt is hints: the phrases between its commas, lines and ends of sentences, but for those too long for names", async (t) => {
  const { client, recogniser } = await startApi(t);
  const hints: unknown[] = [];
  const submit = recogniser.submit.bind(recogniser);
  recogniser.submit = (request) => {
    hints.push(request.hints);
    return submit(request);
  };
  const tale = `And so on${" and on".repeat(20)}.`;
  const prompt = `ZyntriQix, Digique Plus.\nAsk for St.Clair; version 3.5! ${tale}`;
  await client.audio.transcriptions.create({ file: file(), model: "whisper-1", prompt });
  assert.deepEqual(hints[0], ["ZyntriQix", "Digique Plus", "Ask for St.Clair", "version 3.5"]);
});
