/**
 * Files for Deepgram's own clients, two majors of them: by body and by URL, and results that are called back.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import path from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { DeepgramClient, DeepgramError } from "@deepgram/sdk";
import { CallbackUrl, createClient } from "deepgram-sdk-4";
import { WebSocket } from "ws";
import { createKeyText } from "../../src/access/key.ts";
import { loadConfig } from "../../src/app/config.ts";
import { type Engine, startEngine } from "../../src/app/engine.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { type Rig, startRig } from "../e2e/rig.ts";
import { INSIDE, listen, OUTSIDE } from "../fetch/rig.ts";
import { until } from "../openai/rig.ts";
import { temporaryFile } from "../store/sample.ts";

const timeout = 120_000;
const SAID = "i am sorry but nobody is available to take your call";
const FIXTURES = path.resolve(import.meta.dirname, "../../fixtures");
const FLAC = readFileSync(path.join(FIXTURES, "containers/speech.flac"));

/** Of the clip of a phone line: mu-law behind an extended format and a `fact`. */
const WAV_HEAD_BYTES = 58;

interface Result {
  metadata: { request_id: string; duration: number };
  results: {
    channels: { alternatives: { transcript: string; words: { start: number; end: number }[] }[] }[];
  };
}

let engine: Engine;
before(async () => {
  const { asr } = loadConfig({ file: null, environment: {} });
  engine = await startEngine({ asr, logger: silentLogger, counters: new Counters() });
});
after(() => engine?.close());

interface World extends Rig {
  key: string;
  storePath: string;
  port: number;
  outside: string;
  /** Answers what is no file. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Bodies that came, in order, whatever they were answered. */
  posted: Result[];
  /** Paths that were asked of what is inside: has to stay empty. */
  reached: string[];
}

type Context = Parameters<typeof listen>[0];

/** A server with a key, a host outside that it may reach, and one inside that it may not. */
async function startWorld(t: Context, resolve: (name: string) => string[] = () => [OUTSIDE]): Promise<World> {
  const posted: Result[] = [];
  const reached: string[] = [];
  const port = await listen(t, OUTSIDE, async (request, response) => {
    if (request.url === "/speech.flac") response.end(FLAC);
    else if (request.url === "/away")
      response.writeHead(302, { location: `http://${INSIDE}:${port}/` }).end();
    else {
      posted.push(JSON.parse(await text(request)) as Result);
      world.answer(request, response);
    }
  });
  await listen(
    t,
    INSIDE,
    (request, response) => {
      reached.push(request.url ?? "");
      response.end(FLAC);
    },
    port,
  );
  const storePath = temporaryFile(t);
  const open = (): Promise<Rig> =>
    startRig(
      { store: { path: storePath }, fetch: { allow: [OUTSIDE], ports: [port] } },
      {
        engine,
        outside: { resolve: async (name) => resolve(name), schedule: { retryMs: 50, timeoutMs: 500 } },
      },
    );
  const rig = await open();
  t.after(() => world.close());
  const { id, hash, text: key } = createKeyText();
  const facts = { id, name: "test", scopes: ["transcribe"], secretHash: hash };
  rig.server.store.keys.add({ ...facts, createdAt: Date.now(), expiresAt: null });
  const outside = `http://media.example:${port}`;
  const answer: World["answer"] = (_, response) => void response.end();
  const world: World = { ...rig, key, storePath, port, outside, answer, posted, reached };
  restarts.set(world, open);
  return world;
}

const restarts = new WeakMap<World, () => Promise<Rig>>();

/** Stops the server and starts another on the same store. */
async function restart(world: World): Promise<void> {
  await world.close();
  Object.assign(world, await restarts.get(world)?.());
}

function v5Of({ server, key }: World): DeepgramClient {
  return new DeepgramClient({ apiKey: key, baseUrl: server.url, maxRetries: 0 });
}

function v4Of({ server, key }: World) {
  return createClient(key, { global: { url: server.url } });
}

function check(answer: unknown): void {
  const { results, metadata } = answer as Result;
  const [{ transcript, words } = assert.fail()] = results.channels[0]?.alternatives ?? [];
  const heard = normalizeEnglish(transcript);
  assert.ok(/nobody.*available/.test(heard), heard);
  assert.ok(Math.abs(heard.split(" ").length - SAID.split(" ").length) <= 3, heard);
  assert.ok(Math.abs(metadata.duration - 2.788) < 0.01);
  for (const [index, { start, end }] of words.entries()) {
    assert.ok(start >= (words[index - 1]?.end ?? 0) && end >= start && end <= metadata.duration);
  }
}

test("both clients have a file transcribed, by body and by URL", { timeout }, async (t) => {
  const world = await startWorld(t);
  const [v5, v4] = [v5Of(world), v4Of(world)];
  const url = `${world.outside}/speech.flac`;
  check(await v5.listen.v1.media.transcribeFile(FLAC, { model: "nova-3", smart_format: true }));
  check(await v5.listen.v1.media.transcribeUrl({ url, model: "nova-3", punctuate: true }));
  const file = await v4.listen.prerecorded.transcribeFile(FLAC, { model: "nova-2", smart_format: true });
  check(file.result);
  const fetched = await v4.listen.prerecorded.transcribeUrl({ url }, { model: "nova-2", paragraphs: true });
  check(fetched.result);
  assert.ok(fetched.result?.results.channels[0]?.alternatives[0]?.paragraphs?.transcript.startsWith("\n"));
  assert.ok(!world.log.some((line) => /nobody|available|speech\.flac/i.test(line)));
});

test("a URL that leads inside is refused with the documented error by both, however it gets there", {
  timeout,
}, async (t) => {
  const world = await startWorld(t, (name) =>
    name === "rebound.example" ? [OUTSIDE, INSIDE] : name === "inside.example" ? [INSIDE] : [OUTSIDE],
  );
  const [v5, v4] = [v5Of(world), v4Of(world)];
  const urls = [
    `http://${INSIDE}:${world.port}/`,
    "http://169.254.169.254:80/latest/meta-data/",
    `http://inside.example:${world.port}/`,
    `http://rebound.example:${world.port}/`,
    `${world.outside}/away`,
  ];
  for (const url of urls) {
    await assert.rejects(v5.listen.v1.media.transcribeUrl({ url, model: "nova-3" }), (error) => {
      assert.ok(error instanceof DeepgramError);
      const { err_code, request_id } = error.body as Record<string, string>;
      assert.deepEqual([error.statusCode, err_code], [400, "REMOTE_CONTENT_ERROR"], url);
      assert.ok(request_id);
      return true;
    });
    const { result, error } = await v4.listen.prerecorded.transcribeUrl({ url }, { model: "nova-2" });
    assert.equal(result, null);
    assert.match(error?.message ?? "", /REMOTE_CONTENT_ERROR/);
  }
  assert.deepEqual(world.reached, []);
});

test("faults reach both clients with status and code", { timeout }, async (t) => {
  const world = await startWorld(t);
  const bad = new DeepgramClient({ apiKey: "wrong", baseUrl: world.server.url, maxRetries: 0 });
  await assert.rejects(bad.listen.v1.media.transcribeFile(FLAC, {}), { statusCode: 401 });
  await assert.rejects(v5Of(world).listen.v1.media.transcribeFile(FLAC, { diarize: true }), {
    statusCode: 400,
  });
  const { error } = await v4Of(world).listen.prerecorded.transcribeFile(Buffer.from("no audio"), {});
  assert.match(error?.message ?? "", /UNSUPPORTED_MEDIA_TYPE/);
});

test("results are called back for both clients, also by a receiver that fails, hangs and redirects first", {
  timeout,
}, async (t) => {
  const world = await startWorld(t);
  let tries = 0;
  world.answer = (_, response) => {
    tries += 1;
    if (tries === 1) response.writeHead(500).end("no");
    else if (tries === 2) return;
    else if (tries === 3) response.writeHead(307, { location: `http://${INSIDE}:${world.port}/` }).end();
    else response.end();
  };
  const callback = `${world.outside}/hook`;
  const accepted = await v5Of(world).listen.v1.media.transcribeFile(FLAC, {
    callback,
    callback_method: "POST",
  });
  const { request_id } = accepted as { request_id: string };
  await until(() => tries === 4);
  for (const result of world.posted) {
    check(result);
    assert.equal(result.metadata.request_id, request_id);
  }
  await until(() => world.server.store.callbacks.list().length === 0);
  const later = await v4Of(world).listen.prerecorded.transcribeUrlCallback(
    { url: `${world.outside}/speech.flac` },
    new CallbackUrl(callback),
    { model: "nova-2" },
  );
  await until(() => tries === 5);
  assert.equal(world.posted.at(-1)?.metadata.request_id, later.result?.request_id);
  assert.deepEqual(world.reached, []);
});

test("results of the live socket are called back in their order, whatever the first try was answered", {
  timeout,
}, async (t) => {
  const world = await startWorld(t);
  let tries = 0;
  world.answer = (_, response) => {
    tries += 1;
    response.writeHead(tries === 1 ? 500 : 200).end();
  };
  const callback = encodeURIComponent(`${world.outside}/hook`);
  const query = `encoding=mulaw&sample_rate=8000&punctuate=true&callback=${callback}`;
  const headers = { authorization: `Token ${world.key}` };
  const socket = new WebSocket(`${world.server.url.replace("http", "ws")}/v1/listen?${query}`, { headers });
  await once(socket, "open");
  socket.send(
    readFileSync(path.join(FIXTURES, "speech/phone/asterisk-en-vm-nobodyavail.wav")).subarray(WAV_HEAD_BYTES),
  );
  socket.send(JSON.stringify({ type: "CloseStream" }));
  const [code] = await once(socket, "close");
  assert.equal(code, 1000);
  type Message = { type: string; channel?: { alternatives: { transcript: string }[] } };
  const posted = world.posted as unknown as Message[];
  await until(() => posted.length > 2 && posted.at(-1)?.type === "Metadata");
  // The first came twice, and nothing overtook it.
  assert.deepEqual(posted[0], posted[1]);
  const results = posted.slice(1, -1);
  assert.ok(results.every(({ type }) => type === "Results"));
  const said = results.map(({ channel }) => channel?.alternatives[0]?.transcript).join(" ");
  assert.match(normalizeEnglish(said), /nobody.*available/);
});

test("a receiver whose name turns inside between two tries is not followed there", { timeout }, async (t) => {
  let resolved = 0;
  const world = await startWorld(t, () => {
    resolved += 1;
    return [resolved > 1 ? INSIDE : OUTSIDE];
  });
  world.answer = (_, response) => void response.writeHead(500).end();
  await v5Of(world).listen.v1.media.transcribeFile(FLAC, { callback: `${world.outside}/hook` });
  await until(() => world.server.store.callbacks.list()[0]?.state === "dead");
  assert.equal(world.server.store.callbacks.list()[0]?.lastError, "FETCH_FORBIDDEN_ADDRESS");
  assert.deepEqual(world.reached, []);
});

test("a result that a receiver would not take is there after a restart, and what was never transcribed is told", {
  timeout,
}, async (t) => {
  const world = await startWorld(t);
  world.answer = (_, response) => void response.writeHead(503).end();
  const callback = `${world.outside}/hook`;
  await v5Of(world).listen.v1.media.transcribeFile(FLAC, { callback });
  await until(() => world.posted.length > 1);
  // A server that died between its promise and the result leaves this.
  const { store } = world.server;
  const lost = {
    requestId: "lost",
    keyId: null,
    url: callback,
    method: "POST",
    body: '{"err_code":"lost"}',
  } as const;
  store.callbacks.add(lost, "promised", { rows: 9, rowsPerKey: 9, bytes: 1e9, bytesPerKey: 1e9 }, Date.now());
  await restart(world);
  world.posted.length = 0;
  world.answer = (_, response) => void response.end();
  await until(() => world.posted.length === 2);
  const [lostOne] = world.posted.filter((body) => "err_code" in body);
  assert.ok(lostOne);
  check(world.posted.find((body) => "results" in body));
});
