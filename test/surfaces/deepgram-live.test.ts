/**
 * The unmodified clients of Deepgram on the live socket, over the whole server with the real engine; and through nginx.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { createKeyText } from "../../src/access/key.ts";
import { loadConfig } from "../../src/app/config.ts";
import { startServer } from "../../src/app/server.ts";
import { f32ToS16 } from "../../src/audio/sample.ts";
import { silentLogger } from "../../src/base/log.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { CLIPS, type Clip, mulawOf, samplesOf } from "../asr/clips.ts";
import { splitAt } from "../audio/split.ts";
import { ROOT } from "../cli/command.ts";
import { LiveClient } from "../deepgram/rig.ts";
import { temporaryFile } from "../store/sample.ts";
import { connectLive, type Live, type LiveTarget, type Major } from "./deepgram-live.ts";
import { startSurfaces } from "./rig.ts";

const CLIP = CLIPS.find(({ id }) => id === "asterisk-en-vm-opts") as Clip;
const EXPECTED = normalizeEnglish(CLIP.text);
const PHONE = { encoding: "mulaw", sample_rate: 8000 };
const MAJORS: readonly Major[] = ["5", "4"];
/** Silence after which everything is final, mu-law. */
const REST = Buffer.alloc(2 * 8000, 0xff);
const AUDIO = Buffer.concat([mulawOf(CLIP), REST]);

async function start(t: TestContext) {
  const environment = { LINESCRIBE_PORT: "0", LINESCRIBE_STORE: temporaryFile(t) };
  const server = await startServer({ config: loadConfig({ file: null, environment }), logger: silentLogger });
  t.after(() => server.stop());
  const { id, hash, text: key } = createKeyText();
  const facts = { id, name: "test", scopes: ["transcribe" as const], secretHash: hash };
  server.store.keys.add({ ...facts, createdAt: Date.now(), expiresAt: null });
  return { server, target: { url: server.url, key } };
}

/** @param partMs - Between two parts of 200 ms: interim results need some time to be made. */
async function speak(live: Live, audio: Uint8Array, partMs = 1): Promise<void> {
  for (const part of splitAt(audio, [1601])) {
    live.sendMedia(part);
    await pause(partMs);
  }
}

const said = (live: Live, channel = 0): string => normalizeEnglish(live.heard.text(channel));

/** Both clients, one after the other: each test is of either. */
async function ofEach(
  t: TestContext,
  target: LiveTarget,
  name: string,
  options: Record<string, unknown>,
  use: (live: Live, major: Major) => Promise<void>,
): Promise<void> {
  for (const major of MAJORS) {
    await t.test(`${name} (client ${major})`, async () => {
      const live = await connectLive(major, target, options);
      assert.deepEqual([live.heard.errors, live.heard.opens], [[], 1]);
      await use(live, major);
      live.leave();
    });
  }
}

test("unmodified clients hear what was said", async (t) => {
  const { server, target } = await start(t);

  const asked = {
    ...PHONE,
    interim_results: true,
    smart_format: true,
    tag: ["a", "b"],
    keyterm: ["voice mail"],
  };
  await ofEach(t, target, "interim results, words, Metadata and one close with 1000", asked, async (live) => {
    await speak(live, AUDIO, 100);
    live.closeStream();
    await live.heard.until(() => live.heard.closes.length > 0);
    await pause(1500);
    assert.deepEqual([live.heard.closes, live.heard.opens], [[1000], 1]);
    assert.equal(said(live), EXPECTED);
    const { heard } = live;
    assert.ok(heard.of("Results").some(({ is_final }) => !is_final));
    for (const { start, duration, channel, metadata } of heard.finals) {
      const [{ words, transcript, confidence }] = channel.alternatives;
      assert.equal(words.map(({ punctuated_word }) => punctuated_word).join(" "), transcript);
      for (const word of words) {
        assert.ok(word.start >= start && word.end <= start + duration + 1e-3 && word.end >= word.start);
        assert.match(word.word, /^[^A-Z.,]+$/);
      }
      assert.ok(confidence > 0.5 && metadata.model_info.arch === "whisper");
    }
    assert.ok(Math.abs((heard.metadata?.duration ?? 0) - AUDIO.length / 8000) < 1e-3);
    assert.equal(heard.messages.at(-1), heard.metadata);
  });

  await ofEach(
    t,
    target,
    "Finalize, and events of speech",
    { ...PHONE, interim_results: true, vad_events: true, utterance_end_ms: 1000 },
    async (live) => {
      await speak(live, mulawOf(CLIP));
      live.keepAlive();
      live.finalize();
      await live.heard.until(() => live.heard.finals.some(({ from_finalize }) => from_finalize));
      assert.equal(said(live), EXPECTED);
      assert.ok(live.heard.of("SpeechStarted").length > 0);
      await speak(live, REST);
      await live.heard.until(() => live.heard.of("UtteranceEnd").length > 0);
      const [{ last_word_end } = { last_word_end: 0 }] = live.heard.of("UtteranceEnd").slice(-1);
      assert.ok(last_word_end > 0 && last_word_end <= mulawOf(CLIP).length / 8000);
      live.closeStream();
      await live.heard.until(() => live.heard.closes.length > 0);
    },
  );

  await ofEach(t, target, "two channels", { ...PHONE, channels: 2, multichannel: true }, async (live) => {
    const clip = mulawOf(CLIP);
    const stereo = Buffer.alloc(2 * AUDIO.length, 0xff);
    for (let at = 0; at < clip.length; at++) stereo[2 * at + 1] = clip[at] as number;
    await speak(live, stereo);
    live.closeStream();
    await live.heard.until(() => live.heard.closes.length > 0);
    assert.deepEqual([said(live, 0), said(live, 1)], ["", EXPECTED]);
    assert.deepEqual(live.heard.finals[0]?.channel_index, [1, 2]);
  });

  await t.test("a wrong key and a bad option are tried once", async () => {
    for (const major of MAJORS) {
      const wrong = await connectLive(major, { ...target, key: "wrong" }, PHONE);
      await pause(2500);
      assert.equal(wrong.heard.opens, 0);
      assert.match(wrong.heard.errors.join(), /401/);
      const options = await connectLive(major, target, { ...PHONE, diarize: true });
      await pause(2500);
      assert.equal(options.heard.opens, 0);
      assert.match(options.heard.errors.join(), /400/);
      for (const { leave } of [wrong, options]) leave();
    }
    assert.equal(server.counters.get("deepgram.live.refused.ACCESS_KEY_UNKNOWN"), 2);
    assert.equal(server.counters.get("deepgram.live.refused.REQUEST_UNSUPPORTED_OPTION"), 2);
  });

  await t.test("a browser's way: the key in the subprotocols, and 16-bit samples", async () => {
    const s16 = new Uint8Array(f32ToS16(samplesOf(CLIP)).buffer);
    const url = `${target.url.replace("http", "ws")}/v1/listen`;
    const browser = new LiveClient(`${url}?encoding=linear16&sample_rate=16000`, {
      protocols: ["token", target.key, "x-deepgram-session-id", "f2a0"],
    });
    await new Promise((resolve) => browser.socket.once("open", resolve));
    assert.equal(browser.socket.protocol, "token");
    browser.send(...splitAt(s16, [6401]), new Uint8Array(48_000));
    assert.equal((await browser.finish()).code, 1000);
    const text = browser.finals.map(({ channel }) => channel.alternatives[0].transcript).join(" ");
    assert.equal(normalizeEnglish(text), EXPECTED);
  });

  await t.test("hostile sockets beside it change no word", async () => {
    const live = await connectLive("5", target, PHONE);
    const url = `${target.url.replace("http", "ws")}/v1/listen`;
    const headers = { authorization: `Token ${target.key}` };
    const queries = ["linear16&sample_rate=16000", "linear32&sample_rate=16000", "mulaw&sample_rate=8000"];
    const hostile = queries.map((query) => new LiveClient(`${url}?encoding=${query}`, { headers }));
    await Promise.all(hostile.map(({ socket }) => new Promise((resolve) => socket.once("open", resolve))));
    for (const [index, part] of splitAt(AUDIO, [1601]).entries()) {
      live.sendMedia(part);
      if (index === 3) hostile[0]?.send(new Uint8Array(100 * 1024 * 1024));
      if (index === 5) hostile[1]?.send(new Uint8Array(4000).fill(0xff));
      if (index === 7) hostile[2]?.send("text");
    }
    live.closeStream();
    await live.heard.until(() => live.heard.closes.length > 0);
    assert.equal(said(live), EXPECTED);
    const codes = await Promise.all(hostile.map(async ({ closed }) => (await closed).code));
    assert.deepEqual(codes, [1009, 1008, 1008]);
    live.leave();
  });

  await t.test("a server that stops closes with 1012 after everything was told", async () => {
    const client = new LiveClient(
      `${target.url.replace("http", "ws")}/v1/listen?encoding=mulaw&sample_rate=8000`,
      {
        headers: { authorization: `Token ${target.key}` },
      },
    );
    await new Promise((resolve) => client.socket.once("open", resolve));
    client.send(...splitAt(mulawOf(CLIP), [1601]));
    await client.answered();
    await server.stop();
    assert.equal((await client.closed).code, 1012);
    const text = client.finals.map(({ channel }) => channel.alternatives[0].transcript).join(" ");
    assert.equal(normalizeEnglish(text), EXPECTED);
    assert.equal(client.socket.readyState, WebSocket.CLOSED);
  });
});

test("unmodified clients hear the same through nginx, by the name of its certificate", async (t) => {
  const rig = await startSurfaces({ access: { trustedProxies: 1 } });
  t.after(() => rig.close());
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-deepgram-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "clip.ulaw");
  writeFileSync(file, AUDIO);
  const key = rig.addKey();
  const run = async (major: Major, options: object, credential = key) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", "tsx", "test/surfaces/deepgram-client.ts", major, file, JSON.stringify(options)],
      {
        cwd: ROOT,
        env: {
          ...process.env,
          NODE_EXTRA_CA_CERTS: rig.certificateFile,
          DEEPGRAM_URL: rig.publicUrl,
          DEEPGRAM_API_KEY: credential,
        },
      },
    );
    return JSON.parse(stdout) as { text: string; opens: number; errors: string[]; closes: number[] };
  };
  for (const major of MAJORS) {
    const { text, ...rest } = await run(major, PHONE);
    assert.equal(normalizeEnglish(text), EXPECTED);
    assert.deepEqual(rest, { opens: 1, errors: [], closes: [1000], duration: AUDIO.length / 8000 });
    const refused = await run(major, PHONE, "wrong");
    assert.equal(refused.opens, 0);
    assert.match(refused.errors.join(), /401/);
  }
  assert.ok(!rig.log().includes(key));
});
