/**
 * Every surface through the real nginx with the configuration that ships, over TLS, with the real engine behind it.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { configSchema } from "../../src/app/config-schema.ts";
import type { ReplayReport } from "../../src/cli/replay/report.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { CLIPS, type Clip, mulawOf } from "../asr/clips.ts";
import { splitAt } from "../audio/split.ts";
import { jsonLines, ROOT, run } from "../cli/command.ts";
import { AUTH_TOKEN, freePort } from "../e2e/rig.ts";
import type { Client } from "../sockets/rig.ts";
import { type Rig, startSurfaces } from "./rig.ts";

const CLIP = CLIPS.find(({ id }) => id === "asterisk-en-vm-opts") as Clip;
const EXPECTED = normalizeEnglish(CLIP.text);
const QUERY = "?sample_rate=8000&encoding=mulaw";
const UPLOAD = "/v1/audio/transcriptions";
const PER_ADDRESS = 5;
/** Media sockets that one address may have open before they are authenticated. */
const UNAUTHENTICATED = 100;

/** The clip and a second of silence. */
const AUDIO = Buffer.concat([mulawOf(CLIP), Buffer.alloc(8000, 0xff)]);

let rig: Rig;
let key: string;
let bearer: Record<string, string>;
before(async () => {
  const limits = { connectionsPerAddress: PER_ADDRESS };
  rig = await startSurfaces({ access: { trustedProxies: 1, limits } });
});
after(() => rig?.close());

const textOf = (...clients: Client[]): string =>
  normalizeEnglish(clients.flatMap((client) => client.of("final").map(({ text }) => text)).join(" "));

const codeOf = ({ body }: { body: string }): string => {
  const { code, error } = JSON.parse(body);
  return error?.code ?? code;
};

test("without a key nobody is let in through the proxy, whatever he says of himself", async () => {
  const claims = { "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", forwarded: "for=127.0.0.1" };
  for (const headers of [{}, claims]) {
    const socket = await rig.refusal(`/ws/transcribe${QUERY}`, { headers });
    assert.deepEqual([socket.status, codeOf(socket)], [403, "ACCESS_LOOPBACK_ONLY"]);
    const upload = await rig.ask(UPLOAD, { method: "POST", headers, body: "nothing" });
    assert.deepEqual([upload.status, codeOf(upload)], [403, "ACCESS_LOOPBACK_ONLY"]);
  }
  key = rig.addKey();
  bearer = { authorization: `Bearer ${key}` };
  const keyless = await rig.refusal(`/ws/transcribe${QUERY}`);
  assert.deepEqual([keyless.status, codeOf(keyless)], [401, "ACCESS_KEY_MISSING"]);
});

test("raw PCM over wss becomes its final, with the key in a header or in the subprotocols", async () => {
  for (const options of [{ headers: bearer }, { protocols: ["token", key] }]) {
    const client = rig.connect(QUERY, options);
    await client.first("session");
    for (const part of splitAt(AUDIO, [1601])) client.send(part);
    const { code } = await client.finish();
    assert.deepEqual([code, textOf(client)], [1000, EXPECTED]);
  }
});

test("a page of the public name may connect, one of another may not", async () => {
  // The second is the name alone, as nginx passes it on in `Host`.
  for (const origin of [rig.publicUrl, "https://localhost"]) {
    const own = rig.connect(QUERY, { headers: { ...bearer, origin } });
    await own.first("session");
    assert.equal((await own.finish()).code, 1000);
  }
  const headers = { ...bearer, origin: "https://elsewhere.example" };
  assert.equal(codeOf(await rig.refusal(`/ws/transcribe${QUERY}`, { headers })), "ACCESS_BAD_ORIGIN");
});

/** The carrier as a program of its own, told nothing but the public URL. */
async function callOver(authToken: string): Promise<ReplayReport> {
  const call = path.join(ROOT, "fixtures/calls/greeting-connect.jsonl");
  const url = `${rig.publicUrl}/twilio/voice`;
  const more = ["--speed", "max", "--auth-token", authToken, "--json"];
  const { stdout, stderr } = await run(["replay", call, "--url", url, ...more], undefined, {
    NODE_EXTRA_CA_CERTS: rig.certificateFile,
  });
  const [report] = jsonLines<ReplayReport>(stdout);
  assert.ok(report, stderr);
  return report;
}

test("a call of the carrier, signed over the public URL, is transcribed and delivered", async () => {
  const { callSid, errors } = await callOver(AUTH_TOKEN);
  assert.deepEqual(errors, []);
  const events = (await rig.bridge.receiver.ended(callSid)).map(({ event }) => event);
  const texts = events.flatMap((event) => (event.type === "transcript.final" ? [event.text] : []));
  assert.ok(texts.length > 0);
  const direct = await rig.bridge.replay("greeting-connect", { publicUrl: rig.publicUrl });
  const alone = await rig.bridge.receiver.ended(direct.callSid);
  const expected = alone.flatMap(({ event }) => (event.type === "transcript.final" ? [event.text] : []));
  assert.deepEqual(texts, expected);

  const forged = await callOver("another token");
  assert.match(forged.errors.map(({ message }) => message).join(), /status 403/);
});

interface Transcribed {
  text?: string;
  deltas?: string[];
  status?: number;
  code?: string;
  message?: string;
}

/** The unmodified client as a program of its own. */
async function openai(what: string): Promise<Transcribed> {
  const program = path.join(import.meta.dirname, "openai-client.ts");
  const environment = { OPENAI_BASE_URL: `${rig.publicUrl}/v1`, OPENAI_API_KEY: key };
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", program, what], {
    env: { ...process.env, ...environment, NODE_EXTRA_CA_CERTS: rig.certificateFile },
  });
  return JSON.parse(stdout);
}

test("a file is uploaded by the unmodified openai client, and answered whole or as a stream", async () => {
  const { text = "", deltas = [] } = await openai(path.join(ROOT, "fixtures/containers/speech.mp3"));
  assert.match(text, /^Nobody is available to take your call/);
  assert.equal(deltas.join("").trim(), text.trim());
});

test("a file that is too large is refused by Linescribe, and one that is much too large by nginx", async () => {
  const { fileBytes } = configSchema.parse({}).api;
  const large = await openai(String(fileBytes + 1));
  assert.deepEqual([large.status, large.code], [413, "REQUEST_TOO_LARGE"]);
  assert.match(large.message ?? "", new RegExp(String(fileBytes)));
  const larger = await openai(String(fileBytes + 2 * 1024 * 1024));
  assert.deepEqual([larger.status, larger.code], [413, "REQUEST_TOO_LARGE"]);
  assert.match(larger.message ?? "", /than this address takes/);
});

test("who has no key is refused before the upload, not after it", { timeout: 20_000 }, async () => {
  const upload = request(rig.publicUrl + UPLOAD, {
    method: "POST",
    ca: readFileSync(rig.certificateFile),
    agent: false,
    headers: { "content-length": 20_000_000, "content-type": "multipart/form-data; boundary=b" },
  });
  upload.on("error", () => {});
  upload.write(Buffer.alloc(1000));
  const [{ statusCode }] = await once(upload, "response");
  assert.equal(statusCode, 401);
  upload.destroy();
});

test("the address that counts is the client's own, not what he writes nor the proxy's", async () => {
  const spoof = (index: number) => ({ "x-forwarded-for": `203.0.113.${index}, 198.51.100.7` });
  const localAddress = "127.0.0.2";
  await rig.refusal(`/ws/transcribe${QUERY}`, { headers: spoof(0), localAddress });
  const refused = rig.bridge.log.filter((line) => line.includes("access refused")).at(-1) ?? "{}";
  assert.equal(JSON.parse(refused).address, localAddress);

  const clients = Array.from({ length: PER_ADDRESS }, (_, index) =>
    rig.connect(QUERY, { headers: { ...bearer, ...spoof(index) }, localAddress }),
  );
  await Promise.all(clients.map((client) => client.first("session")));
  const headers = { ...bearer, ...spoof(99) };
  const more = await rig.refusal(`/ws/transcribe${QUERY}`, { headers, localAddress });
  assert.deepEqual([more.status, codeOf(more)], [429, "ACCESS_TOO_MANY"]);
  const neighbour = rig.connect(QUERY, { headers: bearer });
  await neighbour.first("session");
  await Promise.all([neighbour, ...clients].map((client) => client.finish()));
});

test("a stranger who holds all the media sockets that one address may have does not shut the carrier out", async () => {
  const dial = (localAddress: string) =>
    new WebSocket(`${rig.publicUrl.replace("http", "ws")}/twilio/media`, {
      ca: readFileSync(rig.certificateFile),
      localAddress,
    });
  const strangers = Array.from({ length: UNAUTHENTICATED }, () => dial("127.0.0.2"));
  await Promise.all(strangers.map((socket) => once(socket, "open")));
  const [, { statusCode }] = await once(
    dial("127.0.0.2").on("error", () => {}),
    "unexpected-response",
  );
  assert.equal(statusCode, 429);
  const carrier = dial("127.0.0.1");
  await once(carrier, "open");
  for (const socket of [carrier, ...strangers]) socket.terminate();
});

test("what is not ours is refused: plain HTTP, other names, inner pages, long headers, large forms", async () => {
  const plain = await rig.askPlainly("/v1/audio?x=1");
  assert.deepEqual([plain.status, plain.headers.location], [308, "https://localhost/v1/audio?x=1"]);
  assert.equal((await rig.ask("/twilio/voice", { headers: { host: "elsewhere.example" } })).status, 421);
  for (const inner of ["/healthz", "/readyz", "/admin", "/assets/../healthz"])
    assert.equal((await rig.ask(inner)).status, 404, inner);
  assert.equal((await rig.ask("/v1/x", { headers: { "x-long": "x".repeat(9000) } })).status, 400);
  assert.equal((await rig.ask(`/v1/x?${"x".repeat(9000)}`)).status, 414);
  const form = await rig.ask("/twilio/voice", { method: "POST", body: "x".repeat(100_000) });
  assert.deepEqual([form.status, codeOf(form)], [413, "REQUEST_TOO_LARGE"]);
});

test("a server that is down is told in JSON, with the time to come again", async () => {
  const origin = await rig.another({ upstreamPort: await freePort() });
  const { status, headers, body } = await rig.ask(UPLOAD, { method: "POST", port: new URL(origin).port });
  assert.deepEqual([status, headers["retry-after"]], [502, "5"]);
  assert.equal(codeOf({ body }), "PROXY_UNREACHABLE");
});

// Scaled: nginx waits for 3 s instead of 3600. The server's pings come every 20 s, as always.
test("a silent socket is cut by the proxy without pings, can be resumed, and is held by pings", async () => {
  const origin = await rig.another({ readTimeoutSeconds: 3 });
  const pinging = rig.connect(QUERY, { origin, headers: bearer });
  await pinging.first("session");
  const pings = setInterval(() => pinging.socket.ping(), 1000);

  const silent = rig.connect(QUERY, { origin, headers: bearer });
  const { resume_token } = await silent.first("session");
  const half = Math.floor(AUDIO.length / 2);
  silent.send(AUDIO.subarray(0, half));
  const startedAt = performance.now();
  assert.equal((await silent.closed).code, 1006);
  assert.ok(performance.now() - startedAt >= 2900, "nothing but the time-out cut it");
  const last = silent.of("final").at(-1)?.sequence ?? 0;
  const resume = async (client: Client): Promise<void> => {
    const { samples, resumed } = await client.first("session");
    assert.deepEqual([samples, resumed], [half, true]);
  };
  const again = rig.connect(`?resume=${resume_token}&after=${last}`, { origin, headers: bearer });
  await resume(again);
  assert.equal((await again.closed).code, 1006);
  const resumed = rig.connect(`?resume=${resume_token}&after=${last}`, { headers: bearer });
  await resume(resumed);
  resumed.send(AUDIO.subarray(half));
  await resumed.finish();
  assert.equal(textOf(silent, resumed), EXPECTED);

  await pause(Math.max(0, 9500 - (performance.now() - startedAt)));
  pinging.send(AUDIO);
  assert.equal((await pinging.finish()).code, 1000);
  clearInterval(pings);
  assert.equal(textOf(pinging), EXPECTED);
});

// Scaled: nginx waits for 25 s instead of 3600; the server's pings are the real ones, 20 s apart.
test("a session without audio is held by the server's own pings and the client's keep-alives", async () => {
  const origin = await rig.another({ readTimeoutSeconds: 25 });
  const client = rig.connect(QUERY, { origin, headers: bearer });
  await client.first("session");
  let pings = 0;
  client.socket.on("ping", () => {
    pings += 1;
  });
  for (let keepalives = 0; keepalives < 5; keepalives += 1) {
    await pause(11_000);
    client.send({ type: "keepalive" });
  }
  assert.ok(pings >= 2, `${pings} pings in 55 s`);
  client.send(AUDIO);
  assert.equal((await client.finish()).code, 1000);
  assert.equal(textOf(client), EXPECTED);
});

test("no key, no token and no query is in the logs of nginx", () => {
  const log = rig.log();
  assert.match(log, /"GET \/ws\/transcribe" 101/);
  assert.match(log, /"POST \/v1\/audio\/transcriptions" 200/);
  assert.doesNotMatch(log, /sample_rate|resume=/);
  assert.equal(log.includes(key), false);
});

test("every page is passed on, and asks for a login that leads back to it", async () => {
  for (const page of ["/", "/calls/CA1", "/calls/CA1/captions?size=20", "/listen"]) {
    const { status, headers } = await rig.ask(page);
    assert.deepEqual([status, headers.location], [303, `/login?next=${encodeURIComponent(page)}`], page);
  }
  const api = await rig.ask("/api");
  assert.deepEqual([api.status, api.headers["content-type"]], [200, "text/html; charset=utf-8"]);
});

test("people log in through nginx: the cookie is of this host alone and of TLS, and opens pages and sockets", async () => {
  const key = rig.addKey();
  const turned = await rig.ask("/listen");
  assert.deepEqual([turned.status, turned.headers.location], [303, "/login?next=%2Flisten"]);
  const headers = { "content-type": "application/x-www-form-urlencoded", origin: rig.publicUrl };
  const entered = await rig.ask("/login", { method: "POST", headers, body: `key=${key}` });
  const [set = ""] = entered.headers["set-cookie"] ?? [];
  assert.match(set, /^__Host-linescribe_login=[\w-]{43}; Path=\/; .*; Secure$/);
  const cookie = set.split(";")[0] as string;
  const page = await rig.ask("/listen", { headers: { cookie } });
  assert.deepEqual(
    [page.status, /script-src 'self'/.test(String(page.headers["content-security-policy"]))],
    [200, true],
  );
  assert.equal(
    (await rig.ask("/assets/listen.js")).headers["content-type"],
    "text/javascript; charset=utf-8",
  );
  const client = rig.connect("", { headers: { cookie, origin: rig.publicUrl } });
  await client.first("session");
  await client.finish();
  const stranger = await rig.refusal("/ws/transcribe", {
    headers: { cookie, origin: "https://evil.example" },
  });
  assert.deepEqual([stranger.status, JSON.parse(stranger.body).code], [403, "ACCESS_BAD_ORIGIN"]);
});
