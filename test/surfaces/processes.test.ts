/**
 * Two Linescribes behind the real nginx with the configuration that ships for them: one public URL, one list of numbers,
 * two stores.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import os from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import twilio from "twilio";
import { WebSocket } from "ws";
import type { Engine } from "../../src/app/engine.ts";
import type { ReplayReport } from "../../src/cli/replay/report.ts";
import type { CallEvent } from "../../src/transcript/event.ts";
import { CLIPS, type Clip, mulawOf } from "../asr/clips.ts";
import { splitAt } from "../audio/split.ts";
import { LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";
import { jsonLines, ROOT, run } from "../cli/command.ts";
import { AUTH_TOKEN, freePort, type Rig, startRig } from "../e2e/rig.ts";
import { Client } from "../sockets/rig.ts";
import { makeCertificate, NAME, Nginx } from "./nginx.ts";
import { addKey } from "./rig.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-processes-"));
const certificate = makeCertificate(folder);
const ca = readFileSync(certificate.certificateFile);
let nginx: Nginx;
let publicUrl: string;
let processes: Record<"a" | "b", Rig>;

before(async () => {
  const [httpsPort, httpPort] = [await freePort(), await freePort()];
  publicUrl = `https://${NAME}:${httpsPort}`;
  const start = async (name: string): Promise<Rig> => {
    const authTokens = [AUTH_TOKEN];
    const settings = { publicUrl, twilio: { authTokens, mediaUrl: `${publicUrl}/${name}` } };
    return startRig({ ...settings, access: { trustedProxies: 1 } }, { engine: engineWithoutModels() });
  };
  processes = { a: await start("a"), b: await start("b") };
  const [upstreamPort, secondPort] = Object.values(processes).map(({ server }) =>
    Number(new URL(server.url).port),
  );
  nginx = await Nginx.start({
    ...{ folder: path.join(folder, "nginx"), certificate, httpsPort, httpPort },
    ...{ upstreamPort: upstreamPort as number, secondPort: secondPort as number },
  });
});
after(async () => {
  await nginx?.stop();
  await Promise.all(Object.values(processes ?? {}).map((rig) => rig.close()));
  rmSync(folder, { recursive: true, force: true });
});

/** What is said does not matter here, where it goes does: the text of an utterance is its length. */
function engineWithoutModels(): Engine {
  const recogniser = Object.assign(new ScriptedRecogniser(), { pendingSeconds: 0, language: () => "en" });
  const engine = {
    detector: new LoudnessDetector(),
    recogniser,
    workers: 1,
    threads: 1,
    close: async () => {},
  };
  return engine as unknown as Engine;
}

/** The carrier as a program of its own, told nothing but the public URL. */
async function call(): Promise<ReplayReport> {
  const recording = path.join(ROOT, "fixtures/calls/greeting-connect.jsonl");
  const url = `${publicUrl}/twilio/voice`;
  const more = ["--speed", "max", "--auth-token", AUTH_TOKEN, "--json"];
  const { stdout, stderr } = await run(["replay", recording, "--url", url, ...more], undefined, {
    NODE_EXTRA_CA_CERTS: certificate.certificateFile,
  });
  const [report] = jsonLines<ReplayReport>(stdout);
  assert.ok(report, stderr);
  return report;
}

/** The process that has the call, its events; the other must not know it. */
async function eventsOf({ callSid }: ReplayReport): Promise<{ owner: "a" | "b"; events: CallEvent[] }> {
  const owners = (["a", "b"] as const).filter((name) => processes[name].server.store.call(callSid) !== null);
  assert.equal(owners.length, 1, `${callSid} is in ${owners.length} stores`);
  const [owner] = owners as ["a" | "b"];
  const arrivals = await processes[owner].receiver.ended(callSid);
  return { owner, events: arrivals.map(({ event }) => event) };
}

const textOf = (events: readonly CallEvent[]): string =>
  events.flatMap((event) => (event.type === "transcript.final" ? [event.text] : [])).join(" ");

/** A webhook of the carrier, signed over the URL that it was given. */
async function post(
  where: string,
  fields: Record<string, string>,
): Promise<{ status: number; body: string }> {
  const signature = twilio.getExpectedTwilioSignature(AUTH_TOKEN, publicUrl + where, fields);
  const asked = request(publicUrl + where, {
    method: "POST",
    ca,
    agent: false,
    headers: { "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature },
  });
  asked.end(new URLSearchParams(fields).toString());
  const [response] = await once(asked, "response");
  return { status: response.statusCode, body: await text(response) };
}

const sidOf = (index: number): string => `CA${String(index).padStart(32, "0")}`;
const voice = (callSid: string, where = "/twilio/voice") =>
  post(where, {
    CallSid: callSid,
    AccountSid: `AC${"0".repeat(32)}`,
    From: "+15550100199",
    To: "+15550100200",
  });
const mediaOf = (twiml: string): string | undefined => /<Stream[^>]* url="([^"]+)"/.exec(twiml)?.[1];

test("calls on one number are shared out, and each is whole in one process, whose status webhook finds it", async () => {
  const owners = new Set<string>();
  let expected: string | null = null;
  for (let calls = 0; calls < 20 && owners.size < 2; calls += 1) {
    const report = await call();
    assert.deepEqual(report.errors, []);
    const { owner, events } = await eventsOf(report);
    owners.add(owner);
    expected ??= textOf(events);
    assert.ok(expected.length > 0);
    assert.equal(textOf(events), expected);
  }
  assert.deepEqual([...owners].sort(), ["a", "b"]);
});

test("whatever a call posts goes to the process that answered it, and its stream is offered there", async () => {
  const offered = new Map<string, number>();
  for (let index = 0; index < 40; index += 1) {
    const callSid = sidOf(index);
    const { status, body } = await voice(callSid);
    assert.equal(status, 200);
    const media = mediaOf(body) ?? "";
    offered.set(media, (offered.get(media) ?? 0) + 1);
    const owner = media.endsWith("/a/twilio/media") ? "a" : "b";
    // Repeated, as the carrier does when it got no answer: the same process, the same call.
    assert.equal(mediaOf((await voice(callSid)).body), media);
    assert.equal((await voice(callSid, "/twilio/voice?recovery=1")).status, 200);
    const other = owner === "a" ? "b" : "a";
    assert.notEqual(processes[owner].server.store.call(callSid), null);
    assert.equal(processes[other].server.store.call(callSid), null);
    const fields = { CallSid: callSid, CallStatus: "completed" };
    assert.equal((await post("/twilio/status", fields)).status, 200);
  }
  const socket = publicUrl.replace("https", "wss");
  assert.deepEqual([...offered.keys()].sort(), [`${socket}/a/twilio/media`, `${socket}/b/twilio/media`]);
  const least = Math.min(...offered.values());
  assert.ok(least >= 8, `${least} of 40 calls went to one of two processes`);
  for (const { server } of Object.values(processes)) {
    const open = Array.from({ length: 40 }, (_, index) => server.store.call(sidOf(index))).filter(
      (kept) => kept !== null && kept.endedAt === null,
    );
    assert.equal(open.length, 0, "a call never heard of its end");
  }
});

test("a stream token is worth nothing at the other process", async () => {
  const callSid = sidOf(1000);
  const { body } = await voice(callSid);
  const own = mediaOf(body) as string;
  const [, token] = /name="token" value="([^"]+)"/.exec(body) ?? [];
  const other = own.replace(/\/([ab])\//, (_, name) => (name === "a" ? "/b/" : "/a/"));
  const socket = new WebSocket(other, { ca });
  await once(socket, "open");
  const mediaFormat = { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 };
  const tracks = ["inbound", "outbound"];
  const ids = { accountSid: `AC${"0".repeat(32)}`, callSid, streamSid: "MZ1" };
  const start = { ...ids, tracks, mediaFormat, customParameters: { token } };
  socket.send(JSON.stringify({ event: "start", sequenceNumber: "1", start, streamSid: "MZ1" }));
  const [code] = await once(socket, "close");
  assert.notEqual(code, 1000);
  assert.equal(processes[other.includes("/a/") ? "a" : "b"].server.store.call(callSid), null);
  await post("/twilio/status", { CallSid: callSid, CallStatus: "completed" });
});

test("sockets of other clients go to the process of their prefix, with a key of its own store", async () => {
  const clip = CLIPS.find(({ id }) => id === "asterisk-en-vm-opts") as Clip;
  const keys = { a: addKey(processes.a), b: addKey(processes.b) };
  const url = (name: string) =>
    `${publicUrl.replace("http", "ws")}/${name}/ws/transcribe?sample_rate=8000&encoding=mulaw`;
  for (const name of ["a", "b"] as const) {
    const client = new Client(url(name), { ca, headers: { authorization: `Bearer ${keys[name]}` } });
    await client.first("session");
    for (const part of splitAt(Buffer.concat([mulawOf(clip), Buffer.alloc(8000, 0xff)]), [1601]))
      client.send(part);
    assert.equal((await client.finish()).code, 1000);
    assert.ok(client.of("final").length > 0);
  }
  const stranger = new WebSocket(url("b"), { ca, headers: { authorization: `Bearer ${keys.a}` } });
  stranger.on("error", () => {});
  const [, { statusCode }] = await once(stranger, "unexpected-response");
  assert.equal(statusCode, 401);
});

test("what belongs to no process is refused: pages, other prefixes, webhooks under a prefix, health", async () => {
  for (const where of [
    "/",
    "/listen",
    "/c/v1/calls",
    "/a/twilio/voice",
    "/a/healthz",
    "/twilio/media",
    "/v1/calls",
  ])
    assert.equal((await post(where, {})).status, 404, where);
});

test("a webhook without a CallSid is answered as by one process", async () => {
  const { status, body } = await post("/twilio/voice", { To: "+15550100200" });
  assert.equal(status, 200);
  assert.match(body, /<Reject/);
});

test("while one process is down new calls are answered by the other, and one that had begun is not begun again", async () => {
  const [mediaOfA, mediaOfB] = ["a", "b"].map(
    (name) => `${publicUrl.replace("https", "wss")}/${name}/twilio/media`,
  );
  const connect = { AccountSid: `AC${"0".repeat(32)}`, From: "+15550100199", To: "+15550100100" };
  const begin = (index: number, where = "/twilio/voice") =>
    post(where, { ...connect, CallSid: sidOf(index) });
  let begun = 2000;
  while (mediaOf((await begin(begun)).body) !== mediaOfA) begun += 1;
  await processes.a.server.stop();
  const recovered = await begin(begun, "/twilio/voice?recovery=1");
  // Its events would have the ids of those that the other process told.
  assert.deepEqual([recovered.status, mediaOf(recovered.body)], [200, undefined]);
  assert.equal(processes.b.server.store.call(sidOf(begun)), null);
  for (let index = 3000; index < 3010; index += 1) {
    const answer = await begin(index);
    assert.deepEqual([answer.status, mediaOf(answer.body)], [200, mediaOfB]);
  }
  const { callSid, errors } = await call();
  assert.deepEqual(errors, []);
  const events = (await processes.b.receiver.ended(callSid)).map(({ event }) => event);
  assert.ok(textOf(events).length > 0);
});

test("a public URL with a path works by itself: webhooks, signatures and the media socket have it", async () => {
  const rig = await startRig({ publicUrl: "https://calls.example.com/a" }, { engine: engineWithoutModels() });
  const { callSid, errors } = await rig.replay("greeting-connect", {
    publicUrl: "https://calls.example.com/a",
  });
  assert.deepEqual(errors, []);
  const events = (await rig.receiver.ended(callSid)).map(({ event }) => event);
  assert.ok(textOf(events).length > 0);
  await rig.close();
});
