import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { refusal } from "../../src/access/refusal.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { INSIDE, OUTSIDE } from "../fetch/rig.ts";
import { until } from "../openai/rig.ts";
import { type Answered, JSON_TYPE, type Rig, startApi, tones, wavOf } from "./files-rig.ts";

const SPEECH = tones(3000, [[500, 1500]]);
const WAV = wavOf(SPEECH);

/** The words of a recognition, each half a second long. */
function says(...texts: string[]) {
  const words = texts.map((word, index) => ({
    word,
    startMs: 100 + index * 500,
    endMs: 500 + index * 500,
    confidence: 0.5,
  }));
  return { text: texts.join(" "), words };
}

/** Asks while the recogniser waits, and then lets it say something for every utterance. */
async function askSaying(
  rig: Rig,
  query: string,
  body: Uint8Array<ArrayBuffer>,
  ...said: ReturnType<typeof says>[]
) {
  rig.recogniser.holding = true;
  const answered = rig.ask(query, body);
  for (const [index, words] of said.entries()) {
    await until(() => rig.recogniser.asked.length > index);
    rig.recogniser.asked[index]?.resolve(words);
  }
  return answered;
}

function alternative({ results }: Answered, channel = 0) {
  const [first = assert.fail()] = results?.channels[channel]?.alternatives ?? [];
  return first as {
    transcript: string;
    confidence: number;
    words: Record<string, unknown>[];
    paragraphs?: object;
  };
}

test("a file is answered with its words, plain or as they are written, and with what it is", async (t) => {
  const rig = await startApi(t);
  const plain = await askSaying(rig, "?tag=a&tag=b&extra=k:v&model=nova-3", WAV, says("Hello,", "World."));
  assert.equal(plain.status, 200);
  const { metadata } = plain.body;
  const [uuid = ""] = metadata?.models as string[];
  assert.equal(metadata?.request_id, plain.headers.get("dg-request-id"));
  assert.deepEqual(
    {
      ...metadata,
      request_id: "",
      models: [],
      model_info: (metadata?.model_info as Record<string, object>)[uuid],
    },
    {
      transaction_key: "deprecated",
      request_id: "",
      sha256: createHash("sha256").update(WAV).digest("hex"),
      created: "2027-01-15T08:00:00.000Z",
      duration: 3,
      channels: 1,
      models: [],
      model_info: { name: "whisper-base", version: "1", arch: "whisper" },
      tags: ["a", "b"],
      extra: { k: "v" },
    },
  );
  const { transcript, words, confidence } = alternative(plain.body);
  assert.deepEqual([transcript, confidence], ["hello world", 0.5]);
  assert.deepEqual(
    words.map(({ word, punctuated_word }) => [word, punctuated_word]),
    [
      ["hello", undefined],
      ["world", undefined],
    ],
  );
  rig.recogniser.asked.length = 0;
  const written = await askSaying(rig, "?smart_format=true", WAV, says("Hello,", "World."));
  assert.equal(alternative(written.body).transcript, "Hello, World.");
  assert.equal(alternative(written.body).words[0]?.punctuated_word, "Hello,");
  assert.equal(written.body.results?.utterances, undefined);
});

test("silence has an empty transcript", async (t) => {
  const rig = await startApi(t);
  const { body } = await rig.ask("?utterances=true&paragraphs=true", wavOf(tones(1000, [])));
  const { transcript, words, confidence } = alternative(body);
  assert.deepEqual([transcript, words, confidence, body.results?.utterances], ["", [], 0, []]);
});

test("each channel is transcribed for itself, and utterances of all stand in the order of time", async (t) => {
  const rig = await startApi(t);
  const stereo = wavOf(tones(5000, [[3000, 4000]]), tones(5000, [[500, 1500]]));
  const { body } = await askSaying(
    rig,
    "?multichannel=true&utterances=true",
    stereo,
    says("left"),
    says("right"),
  );
  assert.deepEqual([alternative(body, 0).transcript, alternative(body, 1).transcript], ["left", "right"]);
  assert.deepEqual(
    body.results?.utterances?.map(({ channel, transcript }) => [channel, transcript]),
    [
      [1, "right"],
      [0, "left"],
    ],
  );
  assert.deepEqual([body.metadata?.channels, body.metadata?.duration], [2, 5]);
  rig.recogniser.asked.length = 0;
  const mixed = await askSaying(rig, "", stereo, says("one"), says("two"));
  assert.equal(alternative(mixed.body).transcript, "one two");
  assert.equal(mixed.body.results?.channels.length, 1);
});

test("utterances are parted by pauses of utt_split, paragraphs made of sentences", async (t) => {
  const rig = await startApi(t);
  const spans = tones(6000, [
    [500, 1500],
    [4000, 5000],
  ]);
  const { body } = await askSaying(
    rig,
    "?utterances=true&paragraphs=true&utt_split=0.05",
    wavOf(spans),
    says("Hi.", "There."),
    says("Bye."),
  );
  assert.deepEqual(
    body.results?.utterances?.map(({ transcript }) => transcript),
    ["Hi.", "There.", "Bye."],
  );
  const { paragraphs } = alternative(body) as unknown as {
    paragraphs: { transcript: string; paragraphs: { num_words: number; sentences: { text: string }[] }[] };
  };
  assert.equal(paragraphs.transcript, "\nHi. There.\n\nBye.");
  assert.deepEqual(
    paragraphs.paragraphs.map(({ num_words, sentences }) => [num_words, sentences.map(({ text }) => text)]),
    [
      [2, ["Hi.", "There."]],
      [1, ["Bye."]],
    ],
  );
});

test("samples without a container are what the query says, in pieces of any size", async (t) => {
  const rig = await startApi(t);
  const s16 = Buffer.from(Int16Array.from(SPEECH, (sample) => Math.round(sample * 32767)).buffer);
  const answered = await new Promise<Answered>((resolve, reject) => {
    const asked = httpRequest(
      `${rig.url}/v1/listen?encoding=linear16&sample_rate=16000`,
      { method: "POST", headers: { "content-type": "audio/raw" } },
      async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        resolve(JSON.parse(Buffer.concat(chunks).toString()) as Answered);
      },
    );
    asked.on("error", reject);
    for (let at = 0; at < s16.length; at += 7777) asked.write(s16.subarray(at, at + 7777));
    asked.end();
  });
  assert.equal(answered.metadata?.duration, 3);
  // A WAV file of which the same is said is still one.
  const wav = await rig.ask("?encoding=linear16&sample_rate=8000", WAV);
  assert.equal(wav.body.metadata?.duration, 3);
});

test("the language is detected when that is asked for, and said", async (t) => {
  const rig = await startApi(t);
  const answered = await askSaying(rig, "?detect_language=true", WAV, {
    ...says("Hola"),
    language: "es",
  } as never);
  assert.equal(rig.recogniser.asked[0]?.language, "auto");
  assert.equal(answered.body.results?.channels[0]?.detected_language, "es");
});

test("a file behind a URL is fetched, through redirects outside, and only outside", async (t) => {
  const rig = await startApi(t, {}, {}, async (name) => [name === "inside.example" ? INSIDE : OUTSIDE]);
  rig.answer = ({ url = "" }, response) => {
    const [, where = ""] = url.split("?to=");
    if (where) response.writeHead(302, { location: decodeURIComponent(where) }).end();
    else if (url === "/missing") response.writeHead(404).end();
    else response.end(WAV);
  };
  const ask = (url: string) => rig.ask("", JSON.stringify({ url }), JSON_TYPE);
  assert.equal((await ask(`${rig.outside}file.wav`)).body.metadata?.duration, 3);
  assert.equal((await ask(`${rig.outside}?to=${encodeURIComponent("/file.wav")}`)).status, 200);
  const refused = [
    `http://${INSIDE}:${rig.port}/`,
    `http://inside.example:${rig.port}/`,
    `${rig.outside}?to=${encodeURIComponent(`http://${INSIDE}:${rig.port}/`)}`,
    `${rig.outside}?to=${encodeURIComponent(`http://inside.example:${rig.port}/`)}`,
    `${rig.outside}missing`,
    "file:///etc/passwd",
  ];
  for (const url of refused) {
    const { status, body, headers } = await ask(url);
    assert.deepEqual([status, body.err_code], [400, "REMOTE_CONTENT_ERROR"], url);
    assert.equal(headers.get("dg-request-id"), body.request_id);
    assert.equal(headers.get("dg-error"), body.err_msg);
  }
  assert.deepEqual(rig.reached, []);
  assert.doesNotMatch(rig.logged.join(), /inside\.example|missing/);
});

test("faults of a request have their status and code, and leave no place taken", async (t) => {
  const rig = await startApi(t, { maximumRequests: 1 });
  const cases: [
    query: string,
    body: string | Uint8Array<ArrayBuffer>,
    json: boolean,
    status: number,
    code: string,
  ][] = [
    ["", "", false, 400, "Bad Request"],
    ["", "no audio", false, 415, "UNSUPPORTED_MEDIA_TYPE"],
    ["", WAV.slice(0, 30), false, 400, "Bad Request"],
    ["", new Uint8Array(1_000_001), false, 413, "PAYLOAD_TOO_LARGE"],
    ["", "{", true, 400, "INVALID_JSON"],
    ["", "[]", true, 400, "INVALID_JSON"],
    ["", '{"url":7}', true, 400, "INVALID_JSON"],
    ["", '{"url":"https://a.example/","punctuate":true}', true, 400, "INVALID_QUERY_PARAMETER"],
    ["", `{"url":"${"x".repeat(20_000)}"}`, true, 413, "PAYLOAD_TOO_LARGE"],
    ["?diarize=true", WAV, false, 400, "INVALID_QUERY_PARAMETER"],
    ["?language=tlh", WAV, false, 400, "INVALID_QUERY_PARAMETER"],
    ["?encoding=linear16", WAV, false, 400, "INVALID_QUERY_PARAMETER"],
    [`?callback=${encodeURIComponent(`http://${INSIDE}/`)}`, WAV, false, 400, "REMOTE_CONTENT_ERROR"],
    ["?callback=ftp://a.example/", WAV, false, 400, "REMOTE_CONTENT_ERROR"],
  ];
  for (const [query, body, json, status, code] of cases) {
    const answered = await rig.ask(query, body, json ? JSON_TYPE : {});
    assert.deepEqual(
      [answered.status, answered.body.err_code],
      [status, code],
      `${query} ${body}`.slice(0, 80),
    );
    assert.ok(answered.body.request_id);
  }
  assert.equal((await rig.ask("", WAV)).status, 200);
});

test("a second file of the only place is refused, and a key without the scope", async (t) => {
  const rig = await startApi(t, { maximumRequests: 1 });
  rig.recogniser.holding = true;
  const first = rig.ask("", WAV);
  await until(() => rig.recogniser.asked.length === 1);
  const second = await rig.ask("", WAV);
  assert.deepEqual([second.status, second.body.err_code], [503, "SERVICE_UNAVAILABLE"]);
  assert.ok(Number(second.headers.get("retry-after")) > 0);
  rig.recogniser.asked[0]?.resolve();
  assert.equal((await first).status, 200);
  const refused = await startApi(t, {
    access: { admit: async () => refusal("ACCESS_SCOPE_MISSING", "no"), allowsOrigin: () => false },
  });
  const answered = await refused.ask("", WAV);
  assert.deepEqual([answered.status, answered.body.err_code], [403, "INSUFFICIENT_PERMISSIONS"]);
  assert.equal(answered.headers.get("dg-request-id"), answered.body.request_id);
});

test("a callback is promised at once and sent when the transcript is there, by POST or PUT", async (t) => {
  const rig = await startApi(t);
  rig.recogniser.holding = true;
  const callback = encodeURIComponent(`${rig.outside}hook?secret=1`);
  const { status, body } = await rig.ask(`?callback=${callback}&callback_method=put`, WAV);
  assert.deepEqual([status, Object.keys(body)], [200, ["request_id"]]);
  await until(() => rig.recogniser.asked.length === 1);
  assert.equal(rig.posted.length, 0);
  rig.recogniser.asked[0]?.resolve(says("Hello."));
  await until(() => rig.posted.length === 1);
  const [{ path, method, body: result } = assert.fail()] = rig.posted;
  assert.deepEqual([path, method, result.metadata?.request_id], ["/hook?secret=1", "PUT", body.request_id]);
  assert.equal(alternative(result).transcript, "hello");
  assert.doesNotMatch(rig.logged.join(), /secret|[Hh]ello/);
});

test("a callback tells of a file that could not be decoded or fetched", async (t) => {
  const rig = await startApi(t);
  const callback = `?callback=${encodeURIComponent(`${rig.outside}hook`)}`;
  const first = await rig.ask(callback, "no audio");
  assert.equal(first.status, 200);
  await until(() => rig.posted.length === 1);
  const second = await rig.ask(callback, JSON.stringify({ url: "http://inside.example:81/" }), JSON_TYPE);
  assert.deepEqual([second.status, second.body.err_code], [400, "REMOTE_CONTENT_ERROR"]);
  const third = await rig.ask(callback, JSON.stringify({ url: `${rig.outside}empty` }), JSON_TYPE);
  await until(() => rig.posted.length === 2);
  const told = rig.posted.map(({ body }) => [body.err_code, body.request_id]);
  assert.deepEqual(told, [
    ["UNSUPPORTED_MEDIA_TYPE", first.body.request_id],
    ["UNSUPPORTED_MEDIA_TYPE", third.body.request_id],
  ]);
});

test("a server that closes tells by callback what it did not transcribe", async (t) => {
  const rig = await startApi(t);
  rig.recogniser.holding = true;
  const { body } = await rig.ask(`?callback=${encodeURIComponent(rig.outside)}`, WAV);
  await until(() => rig.recogniser.asked.length === 1);
  await rig.api.close();
  await rig.callbacks.stop(5000);
  assert.deepEqual(
    rig.posted.map((post) => [post.body.request_id, post.body.err_code]),
    [[body.request_id, "SERVICE_UNAVAILABLE"]],
  );
});

test("a store that takes nothing for a moment costs no transcript", async (t) => {
  const rig = await startApi(t);
  const keep = t.mock.method(rig.store.callbacks, "fulfil");
  keep.mock.mockImplementationOnce(() => {
    throw new LinescribeError("STORE_FULL", "No space left");
  });
  await rig.ask(`?callback=${encodeURIComponent(rig.outside)}`, WAV);
  await until(() => rig.posted.length === 1);
  assert.equal(rig.posted[0]?.body.err_code, undefined);
  assert.equal(rig.posted[0]?.body.results?.channels.length, 1);
  assert.equal(keep.mock.callCount(), 2);
});

test("a full queue of callbacks refuses the file before anything is promised", async (t) => {
  const rig = await startApi(t, {}, { bounds: { rows: 0 } });
  const { status, body } = await rig.ask(`?callback=${encodeURIComponent(rig.outside)}`, WAV);
  assert.deepEqual([status, body.err_code], [503, "SERVICE_UNAVAILABLE"]);
  assert.equal(rig.recogniser.asked.length, 0);
});

test("an upload that stops coming ends with its code, one that is broken off leaves nothing behind", async (t) => {
  const rig = await startApi(t, { upload: { idleMs: 100 } });
  const slow = httpRequest(`${rig.url}/v1/listen`, {
    method: "POST",
    headers: { "content-type": "audio/wav" },
  });
  slow.on("error", () => {});
  slow.write(WAV.subarray(0, 1000));
  const status = await new Promise((resolve) => slow.on("response", ({ statusCode }) => resolve(statusCode)));
  assert.equal(status, 408);
  slow.destroy();
  const broken = httpRequest(`${rig.url}/v1/listen`, { method: "POST", headers: { "content-length": 5000 } });
  broken.on("error", () => {});
  broken.write("some");
  await until(() => rig.counters.get("api.listen.added") === 2);
  broken.destroy();
  await until(() => rig.counters.get("api.listen.abandoned") === 1);
});

test("a page of an origin that access lets in may ask and read, another one not", async (t) => {
  const good = "https://app.example.com";
  const rig = await startApi(t, {
    access: {
      admit: async () => refusal("ACCESS_KEY_MISSING", "no key"),
      allowsOrigin: ({ headers }) => headers.origin === good,
    },
  });
  const preflight = (origin: string) =>
    fetch(`${rig.url}/v1/listen`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-deepgram-session-id",
      },
    });
  const allowed = await preflight(good);
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get("access-control-allow-origin"), good);
  assert.match(allowed.headers.get("access-control-allow-headers") ?? "", /x-deepgram-session-id/);
  const refused = await preflight("https://evil.example");
  assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin")], [403, null]);
  const answered = await rig.ask("", WAV, { headers: { origin: good } });
  assert.deepEqual([answered.status, answered.headers.get("access-control-allow-origin")], [401, good]);
  assert.match(answered.headers.get("access-control-expose-headers") ?? "", /dg-error/);
});

test("the second version of listen is told to be none of ours", async (t) => {
  const rig = await startApi(t);
  const response = await fetch(`${rig.url}/v2/listen?model=flux`, { method: "POST" });
  assert.equal(response.status, 404);
  assert.match(response.headers.get("dg-error") ?? "", /\/v1\/listen/);
});
