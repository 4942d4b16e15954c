import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { createKeyText } from "../../src/access/key.ts";
import { splitAt } from "../audio/split.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, inShort, toneOf } from "../session/rig.ts";
import { socketsOf } from "./rig.ts";

const SPEECH = [
  { startMs: 500, endMs: 1500 },
  { startMs: 2600, endMs: 3300 },
];
const FLOAT = { encoding: "float32" } as const;
const BYTES = bytesOf(toneOf(4500, SPEECH), FLOAT);

test("audio in, finals out: each with the text so far, its place and its sequence, and the end last", async (t) => {
  const { connect, store } = await socketsOf(t);
  const client = await connect();
  for (const part of splitAt(BYTES, [6401])) client.send(part);
  assert.deepEqual(await client.finish(), { code: 1000, reason: "" });
  const [first, second] = client.of("final");
  assert.ok(first && second);
  assert.equal(first.full_transcript, first.text);
  assert.equal(second.full_transcript, `${first.text} ${second.text}`);
  assert.deepEqual([first.sequence, second.sequence], [2, 3]);
  assert.deepEqual([first.utterance, second.utterance], [1, 2]);
  assert.ok(first.start_ms >= 150 && first.end_ms <= 1850);
  assert.deepEqual(client.told.at(-1), {
    type: "end",
    sequence: 4,
    reason: "finished",
    duration_ms: 4500,
    finals: 2,
    gaps: 0,
  });
  const [greeting] = client.of("session");
  assert.equal(client.told[0], greeting);
  const stored = inShort(store.events(greeting?.session as string));
  assert.equal(stored[3], "4 ended stream_stopped 4500 ms, 2 finals, 0 gaps");
});

test("an empty frame finishes like the message", async (t) => {
  const { connect } = await socketsOf(t);
  const client = await connect();
  client.send(BYTES, new Uint8Array(0));
  assert.equal((await client.closed).code, 1000);
  assert.equal(client.of("final").length, 2);
});

test("partials come while it is said, and can be left out", async (t) => {
  const { connect } = await socketsOf(t);
  const client = await connect();
  for (const part of splitAt(BYTES, [6400])) client.send(part);
  await client.first("partial");
  const silent = await connect("?partials=false");
  for (const part of splitAt(BYTES, [6400])) silent.send(part);
  await silent.finish();
  assert.equal(silent.of("partial").length, 0);
});

test("a flush makes final what was said so far, and the session goes on", async (t) => {
  const { connect } = await socketsOf(t);
  const client = await connect();
  client.send(BYTES.subarray(0, 64_000), { type: "flush" });
  const final = await client.first("final");
  assert.ok(final.end_ms <= 1000);
  client.send(BYTES.subarray(64_000));
  await client.finish();
  assert.equal(client.of("final").length, 3);
});

test("audio is acknowledged as it is taken", async (t) => {
  const { connect, advance } = await socketsOf(t);
  const client = await connect("?sample_rate=8000&encoding=s16");
  client.send(new Uint8Array(2 * 3000));
  await client.answered();
  assert.equal(client.of("ack").length, 0);
  advance(1000);
  assert.equal((await client.first("ack")).samples, 3000);
  advance(300);
  client.send(new Uint8Array(2 * 5001));
  assert.equal((await client.first("ack", 2)).samples, 8001);
  await client.finish();
});

test("bad options are refused before the upgrade, and named", async (t) => {
  const { refusal } = await socketsOf(t);
  for (const [query, pattern] of [
    ["?colour=blue", /colour: no such option/],
    ["?sample_rate=11025", /sample_rate/],
    ["?sample_rate=", /sample_rate/],
    ["?encoding=opus", /encoding/],
    ["?encoding=s16&encoding=s16", /encoding: given twice/],
    ["?threshold=0", /threshold/],
    ["?threshold=1e-1", /threshold/],
    ["?silence_ms=31", /silence_ms/],
    ["?silence_ms=10001", /silence_ms/],
    ["?min_speech_ms=1.5", /min_speech_ms/],
    ["?chunk_s=3", /chunk_s: does not go with chunking=vad/],
    ["?chunking=fixed&silence_ms=500", /silence_ms: does not go/],
    ["?chunking=fixed&chunk_s=0.5", /chunk_s/],
    ["?chunking=fixed&chunk_s=2&overlap_s=1.5", /overlap_s/],
    ["?after=3", /resume/],
    ["?resume=abc&encoding=s16", /encoding: no such option/],
    ["?resume=abc&after=-1", /after/],
    ["?__proto__=1", /no such option/],
    [`?${"x".repeat(2000)}=1`, /^x{40}\.\.\.: no such option$/],
  ] as const) {
    const { status, body } = await refusal(query);
    assert.equal(status, 400, query);
    assert.equal(body.code, "SOCKET_BAD_QUERY", query);
    assert.match(body.message, pattern, query);
  }
  assert.equal((await refusal("?language=tlh")).body.code, "ASR_BAD_LANGUAGE");
  assert.equal((await refusal(`?hints=${"x".repeat(101)}`)).body.code, "ASR_BAD_HINTS");
  assert.equal((await refusal("?resume=abc")).body.code, "SESSION_UNKNOWN");
  const plain = await refusal("", { "sec-websocket-version": "7" });
  assert.equal(plain.body.code, "REQUEST_MALFORMED");
});

test("only programs on this machine are answered while there are no keys", async (t) => {
  const { refusal } = await socketsOf(t);
  for (const [headers, code] of [
    [{ "x-forwarded-for": "203.0.113.9" }, "ACCESS_LOOPBACK_ONLY"],
    [{ forwarded: "for=203.0.113.9" }, "ACCESS_LOOPBACK_ONLY"],
    [{ origin: "https://evil.example" }, "ACCESS_BAD_ORIGIN"],
  ] as const) {
    const { status, body } = await refusal("", headers);
    assert.deepEqual([status, body.code], [403, code]);
  }
});

test("with a key, it is asked for, and a page may offer it as a subprotocol and is answered without it", async (t) => {
  const { store, refusal, url } = await socketsOf(t);
  const { id, text, hash } = createKeyText();
  store.keys.add({
    id,
    name: "page",
    scopes: ["transcribe"],
    secretHash: hash,
    createdAt: 0,
    expiresAt: null,
  });
  assert.deepEqual([(await refusal("")).status, (await refusal("")).body.code], [401, "ACCESS_KEY_MISSING"]);
  const socket = new WebSocket(url, ["token", text]);
  await once(socket, "open");
  assert.equal(socket.protocol, "token");
  socket.terminate();
});

test("a full machine refuses with 503 and says when to come again, and a socket that is open goes on", async (t) => {
  const limits = { sessions: 1, backlogSeconds: 60 };
  const { connect, refusal } = await socketsOf(t, { sessions: { limits } });
  const client = await connect();
  const { status, headers, body } = await refusal("");
  assert.deepEqual([status, headers["retry-after"], body.code], [503, "5", "SESSION_OVERLOADED"]);
  client.send(BYTES);
  assert.equal((await client.finish()).code, 1000);
});

test("a text where audio is due is told, and ends the session with its finals", async (t) => {
  const { connect } = await socketsOf(t);
  for (const text of ["hello", "{}", '{"type":"stop"}', '{"type":"finish","x":1}', "[".repeat(5000), ""]) {
    const client = await connect();
    client.send(BYTES);
    client.socket.send(text);
    assert.deepEqual(await client.closed, { code: 1003, reason: "SOCKET_BAD_MESSAGE" });
    assert.equal(client.of("final").length, 2);
    assert.equal(client.of("error")[0]?.code, "SOCKET_BAD_MESSAGE");
    assert.equal(client.told.at(-1)?.type, "error");
  }
});

test("samples that are no sound, and half a sample at the end, are told by their codes", async (t) => {
  const { connect } = await socketsOf(t);
  const noise = await connect();
  noise.send(BYTES, bytesOf(Float32Array.of(Number.NaN), FLOAT));
  assert.deepEqual(await noise.closed, { code: 1007, reason: "SESSION_BAD_AUDIO" });
  assert.equal(noise.of("final").length, 2);
  const odd = await connect("?encoding=s16");
  odd.send(bytesOf(toneOf(2000, [{ startMs: 300, endMs: 1200 }]), { encoding: "s16" }), Uint8Array.of(7));
  assert.deepEqual(await odd.finish(), { code: 1007, reason: "SESSION_CUT_SAMPLE" });
  assert.equal(odd.of("final").length, 1);
  assert.equal(odd.of("end")[0]?.reason, "finished");
});

test("a message of 100 MB is refused with its code while it is on its way, and what was said before is kept", async (t) => {
  const { connect, store } = await socketsOf(t);
  const client = await connect();
  client.send(BYTES);
  await client.answered();
  client.socket.send(new Uint8Array(100 * 1024 * 1024));
  assert.deepEqual(await client.closed, { code: 1009, reason: "REQUEST_TOO_LARGE" });
  assert.equal(client.of("error")[0]?.code, "REQUEST_TOO_LARGE");
  await settle();
  const [{ session } = { session: "" }] = client.of("session");
  assert.equal(inShort(store.events(session)).length, 4);
});

test("a hostile socket beside it changes nothing of another's text", async (t) => {
  const { connect, sessions } = await socketsOf(t);
  const alone = await connect();
  for (const part of splitAt(BYTES, [5003])) alone.send(part);
  await alone.finish();
  const beside = await connect();
  const hostile = [await connect(), await connect("?encoding=s16"), await connect()];
  for (const [index, part] of splitAt(BYTES, [5003]).entries()) {
    beside.send(part);
    if (index === 10) hostile[0]?.socket.send("}{");
    if (index === 15) hostile[1]?.socket.send(new Uint8Array(600 * 1024));
    if (index === 20) hostile[2]?.send(bytesOf(Float32Array.of(Number.POSITIVE_INFINITY), FLOAT));
  }
  await beside.finish();
  const plain = (client: typeof beside) => client.of("final").map(({ sequence, ...rest }) => rest);
  assert.deepEqual(plain(beside), plain(alone));
  for (const { closed } of hostile) assert.notEqual((await closed).code, 1000);
  await settle();
  assert.equal(sessions.active, 0);
});

test("a client that leaves without a word has its finals in the store at once", async (t) => {
  const { connect, store, sessions } = await socketsOf(t);
  const client = await connect();
  client.send(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), FLOAT));
  await client.answered();
  client.socket.close();
  await client.closed;
  await settle();
  assert.equal(sessions.active, 0);
  const kept = inShort(store.events(client.of("session")[0]?.session as string));
  assert.match(kept[1] as string, /^2 final 1 /);
  assert.match(kept[2] as string, /^3 ended stream_closed 1200 ms/);
});

test("a client that vanishes has its final in the store when it did not come back", async (t) => {
  const { connect, store, sessions, advance } = await socketsOf(t);
  const client = await connect();
  client.send(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), FLOAT));
  await client.answered();
  client.socket.terminate();
  await settle();
  advance(59_000);
  await settle();
  assert.equal(sessions.active, 1);
  advance(2000);
  await settle();
  assert.equal(sessions.active, 0);
  const kept = inShort(store.events(client.of("session")[0]?.session as string));
  assert.match(kept[1] as string, /^2 final 1 /);
});

test("a silent socket is told and closed, and keep-alives keep it open", async (t) => {
  const { connect, advance } = await socketsOf(t);
  const quiet = await connect();
  const kept = await connect();
  advance(40_000);
  kept.send({ type: "keepalive" });
  await kept.answered();
  advance(25_000);
  assert.deepEqual(await quiet.closed, { code: 4031, reason: "SOCKET_IDLE" });
  assert.equal(quiet.of("error")[0]?.code, "SOCKET_IDLE");
  kept.send(BYTES);
  assert.equal((await kept.finish()).code, 1000);
});

test("the longest session is warned of, and ends with its finals", async (t) => {
  const { connect, advance } = await socketsOf(t, {
    maximumSessionMs: 600_000,
    limits: { idleMs: 3_600_000 },
  });
  const client = await connect();
  client.send(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), FLOAT));
  await client.answered();
  advance(530_000);
  assert.equal(client.of("warning").length, 0);
  advance(15_000);
  assert.equal((await client.first("warning")).remaining_ms, 55_000);
  advance(50_000);
  await client.answered();
  assert.equal(client.of("warning").length, 1);
  advance(6000);
  assert.deepEqual(await client.closed, { code: 4008, reason: "SESSION_LIMIT" });
  assert.equal(client.of("final").length, 1);
});

test("a server that stops ends its sessions with their finals and says so", async (t) => {
  const { connect, sessions, sockets, refusal } = await socketsOf(t);
  const client = await connect();
  client.send(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), FLOAT));
  await client.answered();
  sessions.drain();
  assert.equal((await refusal("")).body.code, "SERVER_DRAINING");
  await sessions.endAll("shutdown");
  await sockets.close();
  assert.deepEqual(await client.closed, { code: 1001, reason: "SERVER_DRAINING" });
  assert.equal(client.of("final").length, 1);
  assert.equal(client.of("end")[0]?.reason, "shutdown");
});

test("access that ends, ends the session with its finals", async (t) => {
  const { LinescribeError } = await import("../../src/base/error.ts");
  const control = new AbortController();
  let released = 0;
  const access = {
    admit: async () => ({
      ok: true as const,
      keyId: "key1",
      address: "127.0.0.1",
      maximumSessionMs: 1e6,
      signal: control.signal,
      release: () => {
        released += 1;
      },
    }),
  };
  const { connect, store } = await socketsOf(t, { access });
  const client = await connect();
  client.send(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), FLOAT));
  await client.answered();
  control.abort(new LinescribeError("ACCESS_LOOPBACK_ONLY", "as the test wants"));
  assert.deepEqual(await client.closed, { code: 4001, reason: "ACCESS_LOOPBACK_ONLY" });
  assert.equal(client.of("final").length, 1);
  assert.equal(store.call(client.of("session")[0]?.session as string)?.from, "key1");
  await settle();
  assert.equal(released, 1);
});
