import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { createKeyText } from "../../src/access/key.ts";
import { loadConfig } from "../../src/app/config.ts";
import type { Engine } from "../../src/app/engine.ts";
import { startServer } from "../../src/app/server.ts";
import { CPU } from "../../src/asr/device.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/log.ts";
import { openStore, Store } from "../../src/store/store.ts";
import { LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";
import { freePort } from "../e2e/rig.ts";
import { ended, final, sampleCall, temporaryFile } from "../store/sample.ts";

/** No models: what is tested here is how the program starts, answers and stops. */
function engineWithoutModels(): Engine {
  const recogniser = Object.assign(new ScriptedRecogniser(), {
    pendingSeconds: 0,
    cards: { planned: 2, up: 1 },
    language: (tag: string) => (tag === "tlh" ? null : "en"),
  });
  const engine = {
    detector: new LoudnessDetector(),
    recogniser,
    model: "scripted-fp16",
    devices: [CPU, { kind: "cuda", card: 1 }],
    fallback: "CARD_NO_MEMORY",
    workers: 1,
    threads: 1,
    close: async () => {},
  };
  return engine as unknown as Engine;
}

async function start(t: TestContext, settings: Record<string, unknown> = {}, path = temporaryFile(t)) {
  const config = loadConfig({
    file: null,
    environment: {},
    overrides: { insecure: true, host: "127.0.0.1", port: 0, store: { path }, ...settings },
  });
  const server = await startServer({ config, logger: silentLogger, engine: engineWithoutModels() });
  t.after(() => server.stop());
  return server;
}

/** Fails when another server still holds the store. */
function assertUnlocked(path: string): void {
  openStore({ path, exclusive: true }).close();
}

async function get(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("a running server is alive, ready, and knows nothing at other addresses", async (t) => {
  const server = await start(t);
  const health = await get(`${server.url}/healthz`);
  assert.equal(health.status, 200);
  assert.deepEqual(
    { ...health.body, counters: null },
    {
      status: "ok",
      recognition: {
        model: "scripted-fp16",
        devices: ["cpu", "cuda:1"],
        cards: { planned: 2, up: 1 },
        fallback: "CARD_NO_MEMORY",
      },
      calls: 0,
      sessions: 0,
      backlogMs: 0,
      outboxPending: 0,
      outboxOldestMs: 0,
      outboxDead: 0,
      counters: null,
    },
  );
  assert.deepEqual(await get(`${server.url}/readyz`), { status: 200, body: { ready: true, reasons: [] } });
  const unknown = await get(`${server.url}/admin`);
  assert.equal(unknown.status, 404);
  assert.equal(unknown.body.code, "REQUEST_MALFORMED");
});

test("calls are listed, found and sent again over HTTP, and the document says how", async (t) => {
  const received: string[] = [];
  const receiver = createServer((request, response) => {
    received.push(String(request.headers["webhook-id"]));
    request.resume();
    response.end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  t.after(() => receiver.close());
  const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const callback = { url: endpoint, secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] };
  const server = await start(t, { callback });
  server.store.openCall(sampleCall("CA1", { endpoint }));
  server.store.commit("CA1", [final(1, "inbound", "ten seconds ago"), ended()]);
  const found = await get(`${server.url}/v1/calls?q=seconds`);
  assert.deepEqual(
    (found.body.calls as { callSid: string }[]).map(({ callSid }) => callSid),
    ["CA1"],
  );
  assert.equal((await get(`${server.url}/v1/openapi.json`)).body.openapi, "3.1.0");
  const { text, id, hash } = createKeyText();
  server.store.keys.add({
    id,
    name: "a",
    scopes: ["admin"],
    secretHash: hash,
    createdAt: 0,
    expiresAt: null,
  });
  const until = async (count: number): Promise<void> => {
    while (received.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await until(2);
  while (server.store.countOutbox().pending > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const resent = await fetch(`${server.url}/v1/calls/CA1/resend`, {
    method: "POST",
    headers: { authorization: `Bearer ${text}`, "content-type": "application/json" },
    body: '{"states":["delivered"]}',
  });
  assert.deepEqual(await resent.json(), { callSid: "CA1", resent: 2 });
  await until(4);
  assert.deepEqual(received, ["msg_CA1_inbound_1", "msg_CA1_ended", "msg_CA1_inbound_1", "msg_CA1_ended"]);
});

test("a store that takes nothing makes the server unready, and is asked only now and then", async (t) => {
  const probe = t.mock.method(Store.prototype, "probe", () => {
    throw new LinescribeError("STORE_FULL", "no space");
  });
  const server = await start(t);
  for (let time = 0; time < 5; time++) {
    const ready = await get(`${server.url}/readyz`);
    assert.deepEqual(ready, { status: 503, body: { ready: false, reasons: ["STORE_FULL"] } });
  }
  assert.equal(probe.mock.callCount(), 1);
  assert.equal((await get(`${server.url}/healthz`)).status, 200);
});

test("a full machine is unready", async (t) => {
  const server = await start(t, { limits: { calls: 1 }, numbers: [{ number: "*", mode: "connect" }] });
  const form = {
    CallSid: `CA${"1".repeat(32)}`,
    AccountSid: `AC${"2".repeat(32)}`,
    From: "+15550100123",
    To: "+15550100100",
  };
  const answer = await fetch(`${server.url}/twilio/voice`, {
    method: "POST",
    body: new URLSearchParams(form),
  });
  assert.match(await answer.text(), /<Stream /);
  assert.deepEqual((await get(`${server.url}/readyz`)).body, { ready: false, reasons: ["CALL_OVERLOADED"] });
});

test("a server that stops is unready until it no longer answers, and leaves the store to the next", async (t) => {
  const path = temporaryFile(t);
  const server = await start(t, {}, path);
  const url = `${server.url}/readyz`;
  assert.equal((await get(url)).status, 200);
  const stopped = server.stop();
  // The connection of the first request is open: what is asked on it now is still answered, or cut off.
  const late = await get(url).catch(() => null);
  if (late) assert.deepEqual(late, { status: 503, body: { ready: false, reasons: ["SERVER_DRAINING"] } });
  await stopped;
  await assert.rejects(fetch(url));
  assertUnlocked(path);
  assert.equal(server.stop(), server.stop());
});

test("two servers do not share a store", async (t) => {
  const path = temporaryFile(t);
  await start(t, {}, path);
  await assert.rejects(start(t, {}, path), { code: "STORE_FAILED" });
});

test("a port in use fails the start, and the store is free again", async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const path = temporaryFile(t);
  await assert.rejects(start(t, { port }, path), {
    code: "CONFIG_INVALID",
    message: new RegExp(`127.0.0.1:${port}`),
  });
  assertUnlocked(path);
});

test("a language that the model does not know fails the start with every number it stands at", async (t) => {
  const path = temporaryFile(t);
  const numbers = ["+15550100100", "+15550100200", "+15550100300"].map((number, index) => ({
    number,
    mode: "connect",
    language: index === 1 ? "en" : "tlh",
  }));
  await assert.rejects(start(t, { numbers }, path), {
    code: "CONFIG_INVALID",
    message: /2 faults.*0100100.*tlh.*0100300/s,
  });
  assertUnlocked(path);
});

test("a store that cannot be read when calls are taken up leaves nothing listening", async (t) => {
  const path = temporaryFile(t);
  const port = await freePort();
  t.mock.method(Store.prototype, "unfinishedCalls", () => {
    throw new LinescribeError("STORE_FAILED", "damaged");
  });
  await assert.rejects(start(t, { port }, path), { code: "STORE_FAILED" });
  await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
  assertUnlocked(path);
});

test("a model that is not there fails the start", async (t) => {
  const path = temporaryFile(t);
  const overrides = {
    insecure: true,
    host: "127.0.0.1",
    port: 0,
    store: { path },
    asr: { model: "whisper-none" },
  };
  const config = loadConfig({ file: null, environment: {}, overrides });
  await assert.rejects(startServer({ config, logger: silentLogger }), { code: "MODEL_MISSING" });
  assertUnlocked(path);
});
