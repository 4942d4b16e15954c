import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect as connectTo } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { WebSocket } from "ws";
import { createKeyText } from "../../src/access/key.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { refuseOtherVersion } from "../../src/deepgram/other-version.ts";
import { splitAt } from "../audio/split.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, toneOf } from "../session/rig.ts";
import { LINEAR16, type LiveClient, type LiveRig, liveOf } from "./rig.ts";

const S16 = { encoding: "s16" } as const;
const sound = (lengthMs: number, ...speech: [number, number][]): Uint8Array =>
  bytesOf(
    toneOf(
      lengthMs,
      speech.map(([startMs, endMs]) => ({ startMs, endMs })),
    ),
    S16,
  );
const TWO = sound(5500, [500, 1500], [3500, 4200]);

function addKey({ store }: LiveRig): string {
  const { id, hash, text } = createKeyText();
  const key = { id, name: "test", scopes: ["transcribe" as const], secretHash: hash };
  store.keys.add({ ...key, createdAt: Date.now(), expiresAt: null });
  return text;
}

/** Sends audio in parts, each of which is heard before the next. */
async function speak(client: LiveClient, bytes: Uint8Array, size = 6400): Promise<void> {
  for (const part of splitAt(bytes, [size])) {
    client.send(part);
    await client.answered();
    await settle();
  }
}

const ranges = (client: LiveClient): string[] =>
  client.finals.map(({ start, duration, speech_final, channel }) => {
    const [{ transcript }] = channel.alternatives;
    return `${start}+${duration} ${speech_final ? "speech_final " : ""}${transcript}`;
  });

test("finals come with their range, then Metadata, and the socket closes with 1000", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect(`${LINEAR16}&model=nova-3&tag=a&tag=b&extra=k:v`);
  await speak(client, TWO);
  const { code } = await client.finish();
  assert.equal(code, 1000);
  assert.equal(client.finals.length, 2);
  for (const { start, duration, speech_final, from_finalize, channel_index } of client.finals) {
    assert.ok(duration > 0.9 && duration < 1.9 && start >= 0.1 && start + duration <= 5.5);
    assert.deepEqual([speech_final, from_finalize, channel_index], [true, false, [0, 1]]);
  }
  assert.equal(client.results.length, 2);
  const last = client.told.at(-1);
  assert.equal(last, client.metadata);
  const { request_id, sha256, created, duration, channels, tags, extra } = client.metadata ?? {};
  assert.deepEqual([duration, channels, tags, extra], [5.5, 1, ["a", "b"], { k: "v" }]);
  assert.equal(created, "2023-11-14T22:13:20.000Z");
  assert.equal(sha256, createHash("sha256").update(TWO).digest("hex"));
  assert.equal(request_id, client.headers["dg-request-id"]);
  assert.equal(client.finals[0]?.metadata.request_id, request_id);
  assert.equal(client.finals[0]?.metadata.model_info.name, "whisper-base");
});

test("any split of the bytes gives the same finals", async (t) => {
  const { connect } = await liveOf(t);
  const whole = await connect();
  whole.send(TWO);
  await whole.finish();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 40_001 }), { minLength: 2, maxLength: 5 }),
      async (sizes) => {
        const client = await connect();
        // More messages than come in a second are held until the clock moves, which here stands still.
        client.send(...splitAt(TWO, [...sizes, 1001]));
        await client.finish();
        assert.deepEqual(ranges(client), ranges(whole));
      },
    ),
    { numRuns: 8 },
  );
});

test("words lie within their result, in seconds of the stream", async (t) => {
  const { connect, recogniser } = await liveOf(t);
  recogniser.holding = true;
  const client = await connect(`${LINEAR16}&punctuate=true&language=multi`);
  client.send(sound(3000, [500, 1500]));
  await client.answered();
  await settle();
  const words = [
    { word: "Hello,", startMs: 100, endMs: 500, confidence: 0.9 },
    { word: "you!", startMs: 500, endMs: 5000, confidence: 0.8 },
  ];
  for (const { resolve } of recogniser.asked) resolve({ text: "Hello, you!", language: "de", words });
  await client.finish();
  const [{ start, duration, channel }] = client.finals as [LiveClient["finals"][number]];
  const [alternative] = channel.alternatives;
  assert.equal(alternative.transcript, "Hello, you!");
  assert.deepEqual(alternative.languages, ["de"]);
  assert.deepEqual(alternative.words[0], {
    word: "hello",
    punctuated_word: "Hello,",
    start: Number((start + 0.1).toFixed(3)),
    end: Number((start + 0.5).toFixed(3)),
    confidence: 0.9,
    language: "de",
  });
  const end = alternative.words[1]?.end ?? 0;
  assert.ok(Math.abs(end - start - duration) < 0.002, `${end}`);
});

test("interim results have their final's start, grow, and come only when they are asked for", async (t) => {
  const { connect } = await liveOf(t);
  const [without, client] = [await connect(), await connect(`${LINEAR16}&interim_results=true`)];
  await speak(without, TWO, 3200);
  await speak(client, TWO, 3200);
  await Promise.all([without.finish(), client.finish()]);
  assert.equal(without.results.length, 2);
  assert.deepEqual(ranges(client), ranges(without));
  const interims = client.results.filter(({ is_final }) => !is_final);
  assert.ok(interims.length >= 4, `${interims.length}`);
  const starts = new Set(client.finals.map(({ start }) => start));
  let before = { start: -1, duration: 0 };
  for (const { start, duration, speech_final, channel } of interims) {
    assert.ok(starts.has(start) && !speech_final);
    if (start === before.start) assert.ok(duration >= before.duration);
    before = { start, duration };
    const [{ words, transcript }] = channel.alternatives;
    assert.equal(words.map(({ word }) => word).join(" "), transcript);
    for (const word of words) assert.ok(word.start >= start && word.end <= start + duration + 1e-9);
  }
});

test("what is cut by its length is final without an end of speech", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect();
  client.send(...splitAt(sound(27_000, [500, 24_000]), [100_000]));
  await client.finish();
  assert.deepEqual(
    client.finals.map(({ speech_final }) => speech_final),
    [false, true],
  );
});

test("endpointing=false says nothing of the end of speech, and 10 ms are 300", async (t) => {
  const { connect } = await liveOf(t);
  const off = await connect(`${LINEAR16}&endpointing=false`);
  off.send(TWO);
  await off.finish();
  assert.deepEqual(
    off.finals.map(({ speech_final }) => speech_final),
    [false, false],
  );
  const pauses = sound(4000, [500, 1000], [1250, 1700], [2300, 2800]);
  const short = await connect(`${LINEAR16}&endpointing=10`);
  short.send(pauses);
  await short.finish();
  assert.deepEqual(
    short.finals.map(({ speech_final }) => speech_final),
    [true, true],
  );
});

test("Finalize makes final what was said, is answered once also in silence, and the stream goes on", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect();
  client.send(sound(1000, [500, 1000]), { type: "Finalize" });
  await client.until(({ finals }) => finals.length === 1);
  client.send(sound(2500, [100, 800]));
  await client.until(({ finals }) => finals.length === 2);
  client.send({ type: "Finalize" });
  await client.until(({ finals }) => finals.length === 3);
  await client.finish();
  assert.deepEqual(
    client.finals.map(({ from_finalize, speech_final, channel }) => [
      from_finalize,
      speech_final,
      channel.alternatives[0].transcript !== "",
    ]),
    [
      [true, false, true],
      [false, true, true],
      [true, false, false],
    ],
  );
  const { start, duration } = client.finals[2] ?? { start: 0, duration: 0 };
  assert.ok(Math.abs(start + duration - 3.5) < 0.002);
});

test("events of speech come when they are asked for", async (t) => {
  const { connect } = await liveOf(t);
  const asked = "interim_results=true&vad_events=true&utterance_end_ms=1200";
  const client = await connect(`${LINEAR16}&${asked}`);
  await speak(client, TWO);
  await client.until((told) => told.finals.length === 2);
  assert.deepEqual(
    client.of("SpeechStarted").map(({ channel, timestamp }) => [channel, Math.round(10 * timestamp)]),
    [
      [[0, 1], 5],
      [[0, 1], 35],
    ],
  );
  // The second word ended 1.3 s before the end, less what its final has behind it.
  const [first] = client.of("UtteranceEnd");
  const { start = 0, duration = 0 } = client.finals[0] ?? {};
  assert.deepEqual(first, { type: "UtteranceEnd", channel: [0, 1], last_word_end: start + duration });
  assert.ok(client.told.indexOf(first as never) > client.told.indexOf(client.finals[0] as never));
  assert.equal(client.of("UtteranceEnd").length, 1);
  await speak(client, sound(2000));
  assert.equal(client.of("UtteranceEnd").length, 2);
  const quiet = await connect();
  await speak(quiet, TWO);
  await quiet.finish();
  assert.deepEqual([quiet.of("SpeechStarted"), quiet.of("UtteranceEnd")], [[], []]);
});

test("an utterance that has no word takes its interim results back", async (t) => {
  const { connect, recogniser } = await liveOf(t);
  const client = await connect(`${LINEAR16}&interim_results=true`);
  await speak(client, sound(1500, [500, 1500]));
  recogniser.holding = true;
  await speak(client, sound(1500));
  for (const { resolve } of recogniser.asked) resolve({ text: "", logprob: -2, noSpeech: 1 });
  await client.until(({ finals }) => finals.length === 1);
  const interim = client.results.find(({ is_final }) => !is_final);
  assert.equal(client.finals[0]?.start, interim?.start);
  assert.equal(client.finals[0]?.channel.alternatives[0].transcript, "");
});

test("speech that was not recognised is a result that says so", async (t) => {
  const { connect, recogniser } = await liveOf(t);
  recogniser.holding = true;
  const client = await connect();
  client.send(sound(3000, [500, 1500]));
  await client.answered();
  await settle();
  for (const { reject } of recogniser.asked) reject(new LinescribeError("ASR_OVERLOADED", "full"));
  recogniser.holding = false;
  await client.finish();
  assert.deepEqual(
    client.finals.map(({ gap, channel }) => [gap, channel.alternatives[0].transcript]),
    [["overload", ""]],
  );
});

const STEREO = (() => {
  const left = toneOf(4500, [{ startMs: 500, endMs: 1500 }]);
  const right = toneOf(4500, [{ startMs: 2600, endMs: 3300 }]);
  return bytesOf(
    Float32Array.from({ length: 2 * left.length }, (_, at) => (at % 2 ? right : left)[at >> 1] as number),
    S16,
  );
})();

test("interleaved channels have results of their own, or are heard as one", async (t) => {
  const { connect } = await liveOf(t);
  const both = await connect(`${LINEAR16}&channels=2&multichannel=true`);
  both.send(...splitAt(STEREO, [6403]));
  await both.finish();
  assert.deepEqual(
    both.finals.map(({ channel_index, start }) => [channel_index, Math.round(start * 2)]),
    [
      [[0, 2], 0],
      [[1, 2], 5],
    ],
  );
  assert.deepEqual([both.metadata?.channels, both.metadata?.duration], [2, 4.5]);
  const mixed = await connect(`${LINEAR16}&channels=2`);
  mixed.send(STEREO);
  await mixed.finish();
  assert.deepEqual(
    mixed.finals.map(({ channel_index }) => channel_index),
    [
      [0, 1],
      [0, 1],
    ],
  );
});

test("Finalize of one channel leaves the other's words open", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect(`${LINEAR16}&channels=2&multichannel=true`);
  const tone = toneOf(1500, [{ startMs: 500, endMs: 1500 }]);
  client.send(
    bytesOf(
      Float32Array.from({ length: 2 * tone.length }, (_, at) => tone[at >> 1] as number),
      S16,
    ),
  );
  client.send({ type: "Finalize", channel: 1 });
  await client.until(({ finals }) => finals.length === 1);
  assert.deepEqual(client.finals[0]?.channel_index, [1, 2]);
  await client.finish();
  assert.deepEqual(
    client.finals.map(({ channel_index, from_finalize }) => [channel_index[0], from_finalize]),
    [
      [1, true],
      [0, false],
    ],
  );
});

/** The head of a WAV file of 16-bit samples. */
function wavHead(rateHz: number, channels: number, dataBytes: number, tag = 1): Uint8Array {
  const head = Buffer.alloc(54);
  head.write("RIFF", 0);
  head.writeUInt32LE(0xffff_ffff, 4);
  head.write("WAVEjunk", 8);
  head.writeUInt32LE(2, 16);
  head.write("fmt ", 22);
  head.writeUInt32LE(16, 26);
  head.writeUInt16LE(tag, 30);
  head.writeUInt16LE(channels, 32);
  head.writeUInt32LE(rateHz, 34);
  head.writeUInt32LE(rateHz * channels * 2, 38);
  head.writeUInt16LE(channels * 2, 42);
  head.writeUInt16LE(16, 44);
  head.write("data", 46);
  head.writeUInt32LE(dataBytes, 50);
  return new Uint8Array(head);
}

test("a WAV file says itself what it is, however its head is split and whatever follows its samples", async (t) => {
  const { connect } = await liveOf(t);
  const plain = await connect();
  plain.send(TWO);
  await plain.finish();
  for (const dataBytes of [TWO.length, 0, 0xffff_ffff]) {
    const junk = dataBytes === TWO.length ? new Uint8Array(30_000).fill(0x55) : new Uint8Array(0);
    const client = await connect("model=nova-3");
    client.send(
      ...splitAt(Buffer.concat([wavHead(16_000, 1, dataBytes), TWO, junk]), [1, 3, 20, 17, 9, 5000]),
    );
    await client.finish();
    assert.deepEqual(ranges(client), ranges(plain));
    assert.equal(client.metadata?.duration, 5.5);
  }
  const stereo = await connect("multichannel=true");
  stereo.send(Buffer.concat([wavHead(16_000, 2, 0), STEREO]));
  await stereo.finish();
  assert.equal(stereo.finals.length, 2);
  assert.equal(stereo.metadata?.channels, 2);
});

test("audio that cannot be decoded live is closed with 1008 and their code", async (t) => {
  const { connect } = await liveOf(t);
  for (const bytes of [
    Buffer.from("OggS and so on"),
    Buffer.from([0x1a, 0x45, 0xdf, 0xa3]),
    Buffer.from("RIFF1234AVI "),
    wavHead(11_025, 1, 0),
    wavHead(16_000, 1, 0, 0x55),
    Buffer.concat([wavHead(16_000, 1, 0).subarray(0, 46), Buffer.alloc(70_000)]),
    TWO,
  ]) {
    const client = await connect("model=nova-3");
    client.send(bytes);
    const { code, reason } = await client.closed;
    assert.equal(code, 1008);
    assert.match(reason, /^DATA-0000: Expected/);
    assert.equal(client.of("Error")[0]?.variant, "DATA-0000");
    assert.equal(client.told.at(-1)?.type, "Metadata");
  }
});

test("text where audio is due, and samples that are none, end the stream with its finals", async (t) => {
  const { connect } = await liveOf(t);
  for (const wrong of [
    "hello",
    "{}",
    '{"type":"Finish"}',
    '{"type":"Finalize","channel":1}',
    "x".repeat(5000),
  ]) {
    const client = await connect();
    client.send(sound(1500, [500, 1500]), wrong);
    const { code, reason } = await client.closed;
    assert.deepEqual([code, reason.slice(0, 9)], [1008, "DATA-0000"]);
    assert.deepEqual(
      client.told.map(({ type }) => type),
      ["Results", "Error", "Metadata"],
    );
    assert.ok(!reason.includes(wrong));
  }
  const float = await connect("encoding=linear32&sample_rate=16000");
  float.send(new Uint8Array(4000).fill(0xff));
  assert.equal((await float.closed).code, 1008);
});

test("half a sample at the end is told, with 1000 so that nobody comes back for it", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect();
  client.send(TWO.subarray(0, 60_001));
  const { code, reason } = await client.finish();
  assert.equal(code, 1000);
  assert.match(reason, /^SESSION_CUT_SAMPLE: .*1 bytes/);
  assert.equal(client.finals.length, 1);
});

test("a frame of 100 MB closes its socket with 1009, and the one beside it hears every word", async (t) => {
  const { connect, store } = await liveOf(t);
  const [hostile, beside] = [await connect(), await connect()];
  beside.send(TWO.subarray(0, 80_000));
  hostile.send(sound(1200, [500, 1200]), new Uint8Array(100 * 1024 * 1024));
  const { code, reason } = await hostile.closed;
  assert.deepEqual([code, reason], [1009, "REQUEST_TOO_LARGE"]);
  assert.equal(hostile.of("Error")[0]?.variant, "REQUEST_TOO_LARGE");
  beside.send(TWO.subarray(80_000));
  await beside.finish();
  assert.equal(beside.finals.length, 2);
  assert.equal(store.unfinishedCalls().length, 0);
});

test("KeepAlive and Configure need no answer, and an empty frame means nothing", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect();
  client.send(
    { type: "KeepAlive" },
    { type: "Configure", processors: { numerals: true } },
    new Uint8Array(0),
  );
  await client.answered();
  assert.deepEqual(client.told, []);
  assert.equal((await client.finish()).code, 1000);
  assert.equal(client.metadata?.duration, 0);
});

test("10 s without audio or KeepAlive close with 1011 and NET-0001", async (t) => {
  const { connect, advance } = await liveOf(t);
  const client = await connect();
  client.send(sound(1200, [500, 1200]));
  await client.answered();
  for (let round = 0; round < 5; round++) {
    advance(9000);
    client.send({ type: "KeepAlive" });
    await client.answered();
  }
  assert.equal(client.socket.readyState, WebSocket.OPEN);
  advance(10_000);
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason.slice(0, 8)], [1011, "NET-0001"]);
  assert.equal(client.finals.length, 1);
});

test("KeepAlive alone keeps nothing open: the first audio has to come within 10 s", async (t) => {
  const { connect, advance } = await liveOf(t);
  const client = await connect();
  advance(9000);
  client.send({ type: "KeepAlive" });
  await client.answered();
  advance(1000);
  assert.equal((await client.closed).code, 1011);
});

test("the longest duration is warned of, and ends with everything and 1000", async (t) => {
  const { connect, advance } = await liveOf(t, { maximumSessionMs: 20_000, limits: { warningMs: 5000 } });
  const client = await connect();
  client.send(sound(1200, [500, 1200]));
  await client.answered();
  advance(9000);
  client.send({ type: "KeepAlive" });
  await client.answered();
  assert.deepEqual(client.of("Warning"), []);
  advance(6000);
  await client.until((told) => told.of("Warning").length === 1);
  advance(5000);
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason.slice(0, 13)], [1000, "SESSION_LIMIT"]);
  assert.deepEqual([client.finals.length, client.told.at(-1)?.type], [1, "Metadata"]);
});

test("a server that stops tells everything and closes with 1012", async (t) => {
  const { connect, sessions, sockets, refusal } = await liveOf(t);
  const [speaking, silent] = [await connect(), await connect("model=nova-3")];
  speaking.send(sound(1200, [500, 1200]));
  await speaking.answered();
  sessions.drain();
  const { status, body } = await refusal(LINEAR16);
  assert.deepEqual([status, body.err_code], [503, "SERVICE_UNAVAILABLE"]);
  await sessions.endAll("shutdown");
  await sockets.close();
  assert.deepEqual([(await speaking.closed).code, (await silent.closed).code], [1012, 1012]);
  assert.equal(speaking.finals.length, 1);
  assert.equal(speaking.told.at(-1)?.type, "Metadata");
});

test("a client that vanishes has its words in the store", async (t) => {
  const { connect, store, sessions } = await liveOf(t);
  const client = await connect(`${LINEAR16}&keyterm=Liebl&tag=x`);
  client.send(sound(1200, [500, 1200]));
  await client.answered();
  const [{ callSid } = { callSid: "" }] = store.unfinishedCalls();
  client.socket.terminate();
  while (sessions.active > 0) await settle();
  const [started, final, ended] = store.events(callSid);
  assert.deepEqual([final?.type, ended?.type], ["transcript.final", "call.ended"]);
  assert.ok(started?.type === "call.started");
  assert.equal(started.to, "/v1/listen");
  // What was asked for is kept, but for hints, which may be names of people.
  const { request_id, ...asked } = started.parameters;
  assert.equal(request_id, client.headers["dg-request-id"]);
  assert.deepEqual(asked, { encoding: "linear16", sample_rate: "16000", tag: "x" });
});

test("bad options are refused before the upgrade, in their shape", async (t) => {
  const { refusal, counters } = await liveOf(t);
  for (const [query, message] of [
    ["diarize=true", /"diarize" is not supported/],
    ["no_such=1", /no option "no_such"/],
    ["encoding=linear16&sample_rate=11025", /"sample_rate"/],
    ["encoding=opus&sample_rate=48000", /"encoding"/],
    ["language=tlh", /language/],
    ["utterance_end_ms=1000", /"interim_results"/],
    [`${LINEAR16}&channels=3&multichannel=true`, /at most 2/],
    ["callback=https://example.com/x", /"callback" is not supported/],
  ] as const) {
    const { status, headers, body } = await refusal(query);
    assert.deepEqual([status, body.err_code], [400, "INVALID_QUERY_PARAMETER"], query);
    assert.match(body.err_msg ?? "", message);
    assert.equal(headers["dg-error"], body.err_msg);
    assert.equal(headers["dg-request-id"], body.request_id);
    assert.match(body.request_id ?? "", /^[0-9a-f-]{36}$/);
  }
  assert.equal(counters.get("deepgram.live.refused.REQUEST_UNSUPPORTED_OPTION"), 8);
});

test("an upgrade that is none is answered in their shape, too", async (t) => {
  const { url } = await liveOf(t);
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "1" };
  const asked = request(`${url}/v1/listen?${LINEAR16}`, { headers }).end();
  const [response] = await once(asked, "response");
  const { err_code, err_msg } = JSON.parse(await text(response));
  assert.deepEqual([response.statusCode, err_code, err_msg], [400, "Bad Request", "Not a WebSocket upgrade"]);
});

test("a key comes by header or subprotocol, and the answer never repeats it", async (t) => {
  const rig = await liveOf(t);
  const key = addKey(rig);
  for (const authorization of [`Token ${key}`, `token ${key}`, `Bearer ${key}`]) {
    const client = await rig.connect(LINEAR16, { headers: { authorization } });
    assert.equal((await client.finish()).code, 1000);
  }
  for (const protocols of [
    ["token", key],
    ["bearer", key],
    ["token", key, "x-deepgram-session-id", "0b9a"],
  ]) {
    const client = await rig.connect(LINEAR16, { protocols });
    assert.equal(client.socket.protocol, protocols[0]);
    assert.equal((await client.finish()).code, 1000);
  }
  const wrong = await rig.refusal(LINEAR16, { headers: { authorization: "Token wrong" } });
  assert.deepEqual([wrong.status, wrong.body.err_code], [401, "INVALID_AUTH"]);
  assert.equal(wrong.headers["dg-request-id"], wrong.body.request_id);
  const none = await rig.refusal(LINEAR16);
  assert.deepEqual([none.status, none.body.err_code], [401, "INVALID_AUTH"]);
});

test("a full machine refuses with 503 and says when to try again", async (t: TestContext) => {
  const { connect, refusal } = await liveOf(t, { sessions: { limits: { sessions: 1, backlogSeconds: 60 } } });
  await connect();
  const { status, headers, body } = await refusal(LINEAR16);
  assert.deepEqual([status, body.err_code, headers["retry-after"]], [503, "SERVICE_UNAVAILABLE", "5"]);
});

test("a stream whose container comes too late for the last place is told to try again", async (t) => {
  const { connect } = await liveOf(t, { sessions: { limits: { sessions: 1, backlogSeconds: 60 } } });
  const late = await connect("model=nova-3");
  await connect();
  late.send(wavHead(16_000, 1, 0));
  const { code, reason } = await late.closed;
  assert.deepEqual([code, reason.slice(0, 18)], [1013, "SESSION_OVERLOADED"]);
});

test("access that ends closes with 1008 after the finals", async (t) => {
  const controller = new AbortController();
  const admission = {
    ok: true as const,
    keyId: "k",
    address: "127.0.0.1",
    maximumSessionMs: 60_000,
    signal: controller.signal,
    release() {},
  };
  const { connect } = await liveOf(t, { access: { admit: async () => admission } });
  const client = await connect();
  client.send(sound(1200, [500, 1200]));
  await client.answered();
  controller.abort(new LinescribeError("ACCESS_KEY_REVOKED", "The key was revoked"));
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason.slice(0, 18)], [1008, "ACCESS_KEY_REVOKED"]);
  assert.equal(client.finals.length, 1);
});

test("with a callback what is final goes there, in order, also when the client has left", async (t) => {
  const kept: { requestId: string; url: string; method: string; body: { type: string } }[] = [];
  const callbacks = {
    check(url: string) {
      if (url.includes("10.0.0.1"))
        throw new LinescribeError("FETCH_FORBIDDEN_ADDRESS", "Not a public address");
    },
    enqueue({ body, ...to }: { requestId: string; url: string; method: string; body: string }) {
      kept.push({ ...to, body: JSON.parse(body) });
    },
  };
  const { connect, refusal, sessions } = await liveOf(t, { callbacks });
  const query = `${LINEAR16}&interim_results=true&callback=https://example.com/x&callback_method=put`;
  const client = await connect(query);
  await speak(client, TWO);
  client.socket.terminate();
  while (sessions.active > 0) await settle();
  assert.deepEqual(
    kept.map(({ url, method, body }) => [url, method, body.type]),
    ["Results", "Results", "Metadata"].map((type) => ["https://example.com/x", "PUT", type]),
  );
  assert.equal(new Set(kept.map(({ requestId }) => requestId)).size, 1);
  assert.deepEqual(client.finals, []);
  assert.ok(client.results.length > 0);
  const { status, body } = await refusal("callback=http://10.0.0.1/");
  assert.deepEqual([status, body.err_code], [400, "REMOTE_CONTENT_ERROR"]);
});

test("a callback that is not kept ends the stream with 1013, and the rest goes to the client", async (t) => {
  const callbacks = {
    check() {},
    enqueue() {
      throw new LinescribeError("STORE_FULL", "full");
    },
  };
  const { connect, counters, advance } = await liveOf(t, { callbacks });
  const client = await connect(`${LINEAR16}&callback=https://example.com/x`);
  client.send(TWO);
  await client.answered();
  await settle();
  advance(1);
  const { code, reason } = await client.closed;
  assert.deepEqual([code, reason.slice(0, 19)], [1013, "DELIVERY_OVERLOADED"]);
  assert.equal(client.finals.length, 2);
  assert.equal(client.told.at(-1), client.metadata);
  assert.equal(counters.get("deepgram.live.callbacksRefused"), 1);
});

test("a stream whose session cannot be opened closes, whatever its client goes on to send", async (t) => {
  const rig = await liveOf(t);
  rig.store.openCall = () => {
    throw new LinescribeError("STORE_FULL", "full");
  };
  // A client that does not answer the close, but breaks the protocol, which nobody may miss.
  const socket = connectTo(Number(new URL(rig.url).port), "127.0.0.1");
  socket.write(
    `GET /v1/listen?${LINEAR16} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  const [head] = await once(socket, "data");
  assert.match(String(head), /^HTTP\/1.1 101 /);
  socket.write(Uint8Array.of(0x83, 0x80, 0, 0, 0, 0));
  await once(socket.resume(), "close");
});

test("a Finalize before the head of a WAV stream is whole is answered", async (t) => {
  const { connect } = await liveOf(t);
  const client = await connect("");
  client.send(wavHead(16_000, 1, TWO.length).subarray(0, 10));
  client.socket.send(JSON.stringify({ type: "Finalize" }));
  client.send(Buffer.concat([wavHead(16_000, 1, TWO.length).subarray(10), TWO]));
  await client.finish();
  assert.equal(client.finals[0]?.from_finalize, true);
  assert.equal(client.finals.length, 3);
});

test("a socket of the second version is told to be none of ours", async (t) => {
  const server = createServer();
  refuseOtherVersion(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v2/listen`);
  const [, response] = await once(socket, "unexpected-response");
  assert.equal(response.statusCode, 404);
  assert.match(response.headers["dg-error"], /v1\/listen/);
  assert.match(response.headers["dg-request-id"], /^[0-9a-f-]{36}$/);
  response.resume();
});
