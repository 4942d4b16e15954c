import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, mock, type TestContext, test } from "node:test";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import type { CallEvent } from "../../src/transcript/event.ts";
import { call, clipOf, MediaLine, post, sid, tokenOf, voiceForm } from "./carrier.ts";
import { type Rig, startRig } from "./rig.ts";
import { sharedEngine } from "./shared-engine.ts";

const timeout = 60_000;
const START_NUMBER = "+15550100200";
const CLIP = clipOf("asterisk-en-agent-newlocation");
const SAID = "Please enter a new extension, followed by pound.";

/** How far the wall clock of this process, which the server reads, is ahead; it only grows. */
const clock = { aheadMs: 0 };

let rig: Rig;
before(async () => {
  const now = Date.now;
  mock.method(Date, "now", () => now() + clock.aheadMs);
  rig = await startRig({}, { engine: await sharedEngine() });
});
after(() => rig.close());

/** Another server with other settings and the same models. */
async function beside(t: TestContext, settings: Record<string, unknown>): Promise<Rig> {
  const other = await startRig(settings, { engine: rig.server.engine });
  t.after(() => other.close());
  return other;
}

/** A call to `to` with an open stream. */
async function stream(
  on: Rig,
  to = "+15550100100",
): Promise<{ callSid: string; line: MediaLine; twiml: string }> {
  const callSid = sid("CA");
  const twiml = await call(on.server.url, callSid, to);
  return { callSid, twiml, line: await MediaLine.open(on.server.url, callSid, tokenOf(twiml)) };
}

async function eventsOf(on: Rig, callSid: string): Promise<CallEvent[]> {
  const events = (await on.receiver.ended(callSid)).map(({ event }) => event);
  assert.equal(on.receiver.forged, 0);
  assert.equal(events.filter(({ type }) => type === "call.started").length, 1);
  assert.equal(events.filter(({ type }) => type === "call.ended").length, 1);
  assert.equal(events.at(-1)?.type, "call.ended");
  return events;
}

const finalsOf = (events: readonly CallEvent[]) =>
  events.flatMap((event) => (event.type === "transcript.final" ? [event] : []));
const textOf = (events: readonly CallEvent[]) =>
  normalizeEnglish(
    finalsOf(events)
      .map(({ text }) => text)
      .join(" "),
  );
const reasonOf = (events: readonly CallEvent[]) =>
  events.flatMap((event) => (event.type === "call.ended" ? [event.reason] : []))[0];
/** Whether the log has a line with this code for anybody to find. */
const logged = (on: Rig, code: string) => on.log.some((line) => line.includes(`"code":"${code}"`));

test("a webhook with a wrong signature is refused, and the log says which URL was checked", async () => {
  const callSid = sid("CA");
  const { status, text } = await post(rig.server.url, "/twilio/voice", voiceForm(callSid, "+15550100100"), {
    signature: "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
  });
  assert.equal(status, 403);
  assert.equal(JSON.parse(text).code, "REQUEST_BAD_SIGNATURE");
  const line = rig.log.find((entry) => entry.includes("REQUEST_BAD_SIGNATURE")) ?? "";
  assert.match(line, /https:\/\/calls\.example\.com\/twilio\/voice/);
  assert.equal(rig.server.store.call(callSid), null);
});

test("bodies that are JSON or huge are refused with a code, and those without a call are rejected", async () => {
  const json = await post(rig.server.url, "/twilio/voice", {}, { body: "{}", type: "application/json" });
  assert.deepEqual([json.status, JSON.parse(json.text).code], [415, "REQUEST_UNSUPPORTED_TYPE"]);
  const huge = await post(rig.server.url, "/twilio/voice", { Body: "x".repeat(1_000_000) });
  assert.deepEqual([huge.status, JSON.parse(huge.text).code], [413, "REQUEST_TOO_LARGE"]);
  const empty = await post(rig.server.url, "/twilio/voice", {});
  assert.equal(empty.status, 200);
  assert.match(empty.text, /<Reject/);
  assert.ok(logged(rig, "REQUEST_MALFORMED"));
});

test("media before a start, a wrong token and a start of another call close the socket", {
  timeout,
}, async () => {
  const callSid = sid("CA");
  const token = tokenOf(await call(rig.server.url, callSid, "+15550100100"));
  const early = await MediaLine.dial(rig.server.url, callSid);
  early.say(CLIP.subarray(0, 160));
  assert.equal(await early.closed, 1008);
  const forged = await MediaLine.open(rig.server.url, callSid, `${token.slice(0, -4)}AAAA`);
  assert.equal(await forged.closed, 1008);
  const other = await MediaLine.open(rig.server.url, sid("CA"), token);
  assert.equal(await other.closed, 1008);
  const huge = await MediaLine.dial(rig.server.url, callSid);
  huge.send("x".repeat(1_000_000));
  assert.equal(await huge.closed, 1009);
  assert.ok(
    logged(rig, "STREAM_UNEXPECTED") && logged(rig, "STREAM_BAD_TOKEN") && logged(rig, "STREAM_BAD_MESSAGE"),
  );
  // The call itself is unharmed, and so is its token.
  const good = await MediaLine.open(rig.server.url, callSid, token);
  good.say(CLIP);
  good.stop();
  assert.equal(textOf(await eventsOf(rig, callSid)), normalizeEnglish(SAID));
});

test("a media format other than mu-law 8000 Hz mono closes the socket with 1003", { timeout }, async () => {
  const callSid = sid("CA");
  const token = tokenOf(await call(rig.server.url, callSid, "+15550100100"));
  const mediaFormat = { encoding: "audio/x-l16", sampleRate: 16_000, channels: 1 };
  const line = await MediaLine.open(rig.server.url, callSid, token, { mediaFormat });
  assert.equal(await line.closed, 1003);
  assert.ok(logged(rig, "STREAM_UNSUPPORTED_MEDIA"));
});

test("bad messages within a stream are left out and counted, and the call is transcribed", {
  timeout,
}, async () => {
  const { callSid, line } = await stream(rig);
  const faulty = rig.server.counters.get("stream.messages.faulty");
  line.say(CLIP.subarray(0, 8000));
  line.media({ track: "sideways", payload: "fn5+" });
  line.media({ track: "outbound", payload: "fn5+" });
  line.media({ payload: "this is not base64!" });
  line.media({ timestamp: "-5", payload: "fn5+" });
  line.send('{"event":"media"');
  line.send("null");
  line.start("a second start");
  line.say(CLIP.subarray(8000));
  line.stop();
  const events = await eventsOf(rig, callSid);
  assert.equal(textOf(events), normalizeEnglish(SAID));
  assert.equal(rig.server.counters.get("stream.messages.faulty") - faulty, 7);
});

test("a timestamp hours ahead is left out, and what follows keeps its time", { timeout }, async () => {
  const { callSid, line } = await stream(rig);
  line.say(CLIP.subarray(0, 8000));
  line.media({ timestamp: String(3 * 3600 * 1000), payload: "fn5+" });
  line.say(CLIP.subarray(8000));
  line.stop();
  const events = await eventsOf(rig, callSid);
  assert.equal(textOf(events), normalizeEnglish(SAID));
  assert.ok(finalsOf(events).every(({ endMs }) => endMs < 10_000));
});

test("a start stream that dies without stop leaves its words and the call's end", { timeout }, async () => {
  const { callSid, line } = await stream(rig, START_NUMBER);
  line.say(CLIP.subarray(0, CLIP.length - 4000));
  await line.die();
  const events = await eventsOf(rig, callSid);
  assert.equal(textOf(events), normalizeEnglish(SAID));
  assert.equal(reasonOf(events), "stream_closed");
});

test("a full machine sends start numbers on without a stream, and tells connect numbers so", {
  timeout,
}, async (t) => {
  const full = await beside(t, { limits: { calls: 1 } });
  const { callSid, line } = await stream(full);
  const start = await call(full.server.url, sid("CA"), START_NUMBER);
  assert.ok(!start.includes("<Stream") && start.includes("<Dial"), start);
  const connect = await call(full.server.url, sid("CA"), "+15550100100");
  assert.ok(!connect.includes("<Stream") && connect.includes("We cannot take your call right now"), connect);
  assert.ok(logged(full, "CALL_OVERLOADED"));
  line.stop();
  await eventsOf(full, callSid);
  assert.match(await call(full.server.url, sid("CA"), START_NUMBER), /<Stream /);
});

test("a call on an unknown number is rejected and logged", { timeout }, async (t) => {
  const strict = await beside(t, { numbers: [{ number: "+15550100100", mode: "connect" }] });
  assert.match(
    await call(strict.server.url, sid("CA"), "+15550100999"),
    /<Response><Reject ?.*\/><\/Response>/,
  );
  assert.ok(logged(strict, "CALL_UNKNOWN_NUMBER"));
  assert.ok(!strict.log.join().includes("5550100999"));
});

test("the announcement is in the call's start and in no final", { timeout }, async (t) => {
  const announcement = "This conversation will be transcribed for quality purposes.";
  const told = await beside(t, { numbers: [{ number: "*", mode: "connect", announcement }] });
  const { callSid, line, twiml } = await stream(told);
  assert.ok(twiml.indexOf(announcement) > 0 && twiml.indexOf(announcement) < twiml.indexOf("<Stream"));
  line.say(CLIP);
  line.stop();
  const events = await eventsOf(told, callSid);
  const [started] = events;
  assert.ok(started?.type === "call.started" && started.announcement === announcement);
  assert.equal(textOf(events), normalizeEnglish(SAID));
});

/** One call whose stream died: its words before and after, with the hole between. */
function assertRecovered(events: readonly CallEvent[], holeMs: number): void {
  const gaps = events.flatMap((event) => (event.type === "transcript.gap" ? [event] : []));
  assert.deepEqual(
    gaps.map(({ cause }) => cause),
    ["not_received"],
  );
  const [gap] = gaps;
  assert.ok(gap && Math.abs(gap.endMs - holeMs) < 3000, JSON.stringify(gap));
  const finals = finalsOf(events);
  assert.equal(
    normalizeEnglish(finals.map(({ text }) => text).join(" ")),
    normalizeEnglish(`${SAID} ${SAID}`),
  );
  assert.ok((finals.at(-1)?.startMs ?? 0) >= gap.endMs);
  assert.ok((finals[0]?.endMs ?? Infinity) <= gap.startMs);
}

test("a connect stream that dies comes back by the verb that follows it", { timeout }, async () => {
  const { callSid, line, twiml } = await stream(rig);
  line.say(CLIP);
  await line.die();
  clock.aheadMs += 20_000;
  const next = /<Redirect[^>]*>https:\/\/calls\.example\.com(\/twilio\/voice\?[^<]+)<\/Redirect>/.exec(
    twiml,
  )?.[1];
  assert.ok(next, twiml);
  const again = await call(rig.server.url, callSid, "+15550100100", next.replaceAll("&amp;", "&"));
  const second = await MediaLine.open(rig.server.url, callSid, tokenOf(again));
  second.say(CLIP);
  second.stop();
  assertRecovered(await eventsOf(rig, callSid), 20_000);
});

test("a start stream that dies comes back through the carrier's API", { timeout }, async (t) => {
  const asked: { url: string; authorization: string; form: URLSearchParams }[] = [];
  let answered = () => {};
  const requested = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const api = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    asked.push({ url: request.url ?? "", authorization: request.headers.authorization ?? "", form });
    response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify({ sid: sid("MZ") }));
    answered();
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  t.after(() => api.close());
  const baseUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const on = await beside(t, {
    twilio: {
      authTokens: ["an older token", "a token that the carrier and we share"],
      api: { accountSid: "AC77", username: "SK77", password: "secret", baseUrl },
    },
  });
  const { callSid, line } = await stream(on, START_NUMBER);
  line.say(CLIP);
  await line.die();
  await requested;
  clock.aheadMs += 20_000;
  const [request] = asked;
  assert.equal(request?.url, `/2010-04-01/Accounts/AC77/Calls/${callSid}/Streams.json`);
  assert.equal(request?.authorization, `Basic ${Buffer.from("SK77:secret").toString("base64")}`);
  assert.equal(request?.form.get("Url"), "wss://calls.example.com/twilio/media");
  assert.equal(request?.form.get("Track"), "both_tracks");
  assert.equal(request?.form.get("Parameter1.Name"), "token");
  const token = request?.form.get("Parameter1.Value") ?? "";
  const second = await MediaLine.open(on.server.url, callSid, token);
  second.say(CLIP);
  second.stop();
  // The track on which nothing was ever heard has nothing but the hole of the whole time.
  const events = (await eventsOf(on, callSid)).filter(
    (event) => !("track" in event) || event.track === "inbound",
  );
  assertRecovered(events, 20_000);
  assert.equal(asked.length, 1);
});
