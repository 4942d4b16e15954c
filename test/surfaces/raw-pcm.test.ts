/**
 * Raw PCM through the whole server with the real engine, configured with nothing but a port and a place for the store.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { loadConfig } from "../../src/app/config.ts";
import { startServer } from "../../src/app/server.ts";
import { resample } from "../../src/audio/resample.ts";
import { f32ToS16 } from "../../src/audio/sample.ts";
import { silentLogger } from "../../src/base/log.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { CLIPS, mulawOf, samplesOf } from "../asr/clips.ts";
import { splitAt } from "../audio/split.ts";
import { Client } from "../sockets/rig.ts";
import { temporaryFile } from "../store/sample.ts";

const CLIP = CLIPS.find(({ id }) => id === "asterisk-en-vm-opts") ?? (CLIPS[0] as (typeof CLIPS)[number]);

async function start(t: TestContext) {
  const environment = { LINESCRIBE_PORT: "0", LINESCRIBE_STORE: temporaryFile(t) };
  const server = await startServer({ config: loadConfig({ file: null, environment }), logger: silentLogger });
  t.after(() => server.stop());
  const connect = async (query = "") => {
    const client = new Client(`${server.url.replace("http", "ws")}/ws/transcribe${query}`);
    await client.first("session");
    return client;
  };
  return { server, connect };
}

const textOf = (...clients: Client[]): string =>
  normalizeEnglish(clients.flatMap((client) => client.of("final").map(({ text }) => text)).join(" "));

test("what was said comes back as text, whatever the encoding, the rate, the frames and the cuts", async (t) => {
  const { server, connect } = await start(t);
  const pcm16k = samplesOf(CLIP);
  const silence = new Float32Array(8000);
  const float = new Uint8Array(Float32Array.from([...pcm16k, ...silence]).buffer);
  const whole = await connect();
  for (const part of splitAt(float, [6403])) whole.send(part);
  assert.equal((await whole.finish()).code, 1000);
  const expected = textOf(whole);
  assert.equal(expected, normalizeEnglish(CLIP.text));
  const [final] = whole.of("final");
  assert.ok(final && final.words.length > 2 && final.confidence > 0.5 && final.language === "en");

  await t.test("mu-law of the phone and 48 kHz in 16 bits say the same", async () => {
    const phone = await connect("?sample_rate=8000&encoding=mulaw");
    phone.send(mulawOf(CLIP));
    await phone.finish();
    assert.equal(textOf(phone), expected);
    const studio = await connect("?sample_rate=48000&encoding=s16");
    const s16 = new Uint8Array(f32ToS16(resample(pcm16k, 16_000, 48_000)).buffer);
    for (const part of splitAt(s16, [99_999])) studio.send(part);
    await studio.finish();
    assert.equal(textOf(studio), expected);
  });

  await t.test("a socket that is killed within an utterance has every word once", async () => {
    const first = await connect();
    const cut = Math.floor(float.length / 2) + 1;
    for (const part of splitAt(float.subarray(0, cut), [6403])) first.send(part);
    await first.answered();
    first.socket.terminate();
    const [greeting] = first.of("session");
    const second = await connect(
      `?resume=${greeting?.resume_token}&after=${first.of("final").at(-1)?.sequence ?? 0}`,
    );
    const { samples = 0 } = second.of("session")[0] ?? {};
    second.send(float.subarray(samples * 4));
    await second.finish();
    assert.equal(textOf(first, second), expected);
  });

  await t.test("windows of 3 s say the same words", async () => {
    const client = await connect("?chunking=fixed&chunk_s=3&overlap_s=0.5");
    client.send(float);
    await client.finish();
    assert.equal(textOf(client), expected);
  });

  await t.test("hostile sockets beside it change no word, and the server takes the next", async () => {
    const client = await connect();
    const hostile = [await connect(), await connect(), await connect("?encoding=s16")];
    for (const [index, part] of splitAt(float, [6403]).entries()) {
      client.send(part);
      if (index === 3) hostile[0]?.send(new Uint8Array(100 * 1024 * 1024));
      if (index === 5) hostile[1]?.send(new Uint8Array(4000).fill(0xff));
      if (index === 7) hostile[2]?.socket.send("text");
    }
    await client.finish();
    assert.equal(textOf(client), expected);
    const codes = await Promise.all(hostile.map(async ({ closed }) => (await closed).code));
    assert.deepEqual(codes, [1009, 1007, 1003]);
  });

  await t.test("a client that leaves has its final in the store", async () => {
    const client = await connect();
    client.send(float.subarray(0, float.length - 32_000));
    await client.answered();
    client.socket.close();
    await client.closed;
    const { session = "" } = client.of("session")[0] ?? {};
    while (server.store.call(session)?.endedAt === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    const stored = server.store.events(session).flatMap((event) => ("text" in event ? [event.text] : []));
    assert.equal(normalizeEnglish(stored.join(" ")), expected);
  });
});
