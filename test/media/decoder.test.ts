import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { findProgram } from "../../src/app/find-program.ts";
import { Counters } from "../../src/base/counters.ts";
import { MediaDecoder, type MediaDecoderOptions } from "../../src/media/decoder.ts";
import { decodeWithFfmpeg } from "../../src/media/ffmpeg.ts";
import { Sound } from "../../src/media/sound.ts";
import { fixture, wavFile } from "./files.ts";
import { createNearWorker } from "./near-worker.ts";

const wav = (ms = 1000) => wavFile({ data: Buffer.alloc(ms * 32, 1) });

function decoderOf(t: TestContext, more: Partial<MediaDecoderOptions> = {}) {
  const counters = new Counters();
  const decoder = new MediaDecoder({ counters, ...more });
  t.after(() => decoder.close());
  return { decoder, counters };
}

const MIXED = { layout: "mixed" } as const;

/** A worker of a few lines; what it does is up to the test. */
const workerOf = (source: string) => () => new Worker(source, { eval: true });
const SILENT = workerOf("setInterval(() => {}, 1000)");

test("sound is sliced wherever its blocks begin and end", () => {
  const sound = new Sound();
  for (const block of [[1, 2, 3], [], [4], [5, 6]])
    sound.push(Int16Array.from(block, (value) => value * 4096));
  const all = [1, 2, 3, 4, 5, 6].map((value) => value / 8);
  assert.equal(sound.length, 6);
  for (let start = 0; start <= 7; start++) {
    for (let end = start; end <= 8; end++) {
      assert.deepEqual([...sound.slice(start, end)], all.slice(start, end), `${start} ${end}`);
    }
  }
  assert.equal(new Sound().slice(0, 5).length, 0);
});

test("a file is decoded in a thread, while the event loop goes on", async (t) => {
  const { decoder, counters } = decoderOf(t);
  const bytes = wavFile({ rateHz: 48_000, data: Buffer.alloc(48_000 * 2 * 60, 1) });
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 10);
  const startedAt = performance.now();
  const sound = await decoder.decode(bytes, { maximumDurationMs: 60_000 }).catch((error) => error);
  clearInterval(timer);
  assert.equal(sound.length, 60 * 16_000);
  assert.ok(ticks > (performance.now() - startedAt) / 40, `${ticks} ticks`);
  assert.equal(counters.get("media.decoded"), 1);
});

test("too many bytes, too long, unknown and damaged files each have a code, and are counted by it", async (t) => {
  const { decoder, counters } = decoderOf(t, { limits: { maximumBytes: 50_000, maximumDurationMs: 1000 } });
  const cases: [bytes: Uint8Array, code: string][] = [
    [wav(2000), "MEDIA_TOO_LARGE"],
    [wav(1001), "MEDIA_TOO_LONG"],
    [Buffer.from("hello"), "MEDIA_UNSUPPORTED"],
    [wavFile({ data: Buffer.alloc(0) }).subarray(0, 20), "MEDIA_MALFORMED"],
    [wavFile({ data: Buffer.alloc(1) }), "MEDIA_MALFORMED"],
  ];
  for (const [bytes, code] of cases) {
    const before = counters.get(`media.failed.${code}`);
    await assert.rejects(decoder.decode(bytes), { code }, code);
    assert.equal(counters.get(`media.failed.${code}`), before + 1);
  }
  assert.equal((await decoder.decode(wav(1000))).length, 16_000);
});

test("a decoder that hangs is ended at its deadline, and the next file has its place", async (t) => {
  let hanging = true;
  const { decoder } = decoderOf(t, {
    limits: { deadlineMs: 500 },
    createWorker: (data) => (hanging ? workerOf("for (;;);")() : createNearWorker(data)),
  });
  await assert.rejects(decoder.decode(wav()), { code: "MEDIA_TIMEOUT" });
  hanging = false;
  assert.equal((await decoder.decode(wav())).length, 16_000);
});

test("a decoder that dies, or eats all memory, fails its own file only", async (t) => {
  for (const [source, code] of [
    ["process.exit(3)", "MEDIA_FAILED"],
    ["throw new Error('as the test wants')", "MEDIA_FAILED"],
  ] as const) {
    const { decoder } = decoderOf(t, { createWorker: workerOf(source) });
    await assert.rejects(decoder.decode(wav()), { code }, source);
  }
  const greedy = "const all = []; for (;;) all.push(new Array(1000).fill({}))";
  const { decoder } = decoderOf(t, {
    createWorker: () => new Worker(greedy, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } }),
  });
  await assert.rejects(decoder.decode(wav()), { code: "MEDIA_MALFORMED", message: /memory/ });
});

test("files wait in a queue with a maximum, and one that is given up leaves it", async (t) => {
  const { decoder, counters } = decoderOf(t, { queueMaximum: 2, createWorker: SILENT });
  const given = [new AbortController(), new AbortController(), new AbortController()];
  const running = given.map(({ signal }) => decoder.decode(wav(), { signal }));
  for (const each of running) each.catch(() => {});
  await assert.rejects(decoder.decode(wav()), { code: "MEDIA_OVERLOADED", retryable: true });
  assert.equal(counters.get("media.queue.refused"), 1);
  given[1]?.abort(new Error("not wanted"));
  await assert.rejects(running[1] as Promise<Sound>, { message: "not wanted" });
  const next = decoder.decode(wav());
  next.catch(() => {});
  assert.equal(counters.get("media.queue.added"), 3);
  // The one that runs is given up: its worker ends, and the others have their turn until the decoder is closed.
  given[0]?.abort(new Error("not wanted"));
  await assert.rejects(running[0] as Promise<Sound>, { message: "not wanted" });
  decoder.close();
  await assert.rejects(running[2] as Promise<Sound>, { code: "MEDIA_FAILED" });
  await assert.rejects(next, { code: "MEDIA_FAILED" });
});

test("without ffmpeg AAC is refused, and the answer says what would help", async (t) => {
  const { decoder } = decoderOf(t);
  for (const name of ["speech.m4a", "speech.aac"]) {
    await assert.rejects(decoder.decode(fixture(`containers/${name}`)), {
      code: "MEDIA_UNSUPPORTED",
      message: /ffmpeg/,
    });
  }
});

/** Of one channel: magic, offset of the samples, unknown length, 16 bit, rate, channels. */
const AU_HEAD = `${Buffer.from(".snd").toString("hex")}00000018ffffffff0000000300003e8000000001`;

/** A program that is called like ffmpeg. It finds its file in its working folder. */
function fakeFfmpeg(t: TestContext, script: string): { program: string; folder: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = path.join(folder, "ffmpeg");
  writeFileSync(program, `#!${process.execPath}\n${script}`);
  chmodSync(program, 0o755);
  return { program, folder };
}

test("ffmpeg is given one file, no network and nothing of our environment", async (t) => {
  const { program, folder } = fakeFfmpeg(
    t,
    `require("fs").writeFileSync(__dirname + "/seen.json", JSON.stringify({
      arguments: process.argv.slice(2), environment: Object.keys(process.env), here: require("fs").readdirSync("."),
      bytes: require("fs").readFileSync("input").length }));
    process.stdout.write(Buffer.concat([Buffer.from("${AU_HEAD}", "hex"), Buffer.from([0, 1, 0, 2, 3])]));`,
  );
  process.env.LINESCRIBE_TEST_SECRET = "secret";
  t.after(() => delete process.env.LINESCRIBE_TEST_SECRET);
  const options = {
    program,
    kind: "mp4",
    bytes: Buffer.alloc(77),
    ...MIXED,
    maximumDurationMs: 1000,
    folder,
  } as const;
  const [sound] = await decodeWithFfmpeg(options, new AbortController().signal);
  assert.equal(sound?.length, 2);
  const seen = JSON.parse(readFileSync(path.join(folder, "seen.json"), "utf8"));
  assert.deepEqual([seen.environment, seen.here, seen.bytes], [[], ["input"], 77]);
  const given: string[] = seen.arguments;
  assert.equal(given[given.indexOf("-protocol_whitelist") + 1], "file");
  assert.equal(given[given.indexOf("-f") + 1], "mov");
  assert.ok(given.indexOf("-f") < given.indexOf("-i"), "the demuxer is not guessed");
  assert.deepEqual(readdirSync(folder).sort(), ["ffmpeg", "seen.json"], "the file is gone");
});

test("an ffmpeg that never ends is killed: by abort, by the length of what it writes", async (t) => {
  const { program, folder } = fakeFfmpeg(
    t,
    `require("fs").writeFileSync(__dirname + "/pid", String(process.pid));
    const write = () => { while (process.stdout.write(Buffer.alloc(65536))); process.stdout.once("drain", write); };
    process.stdout.write(Buffer.from("${AU_HEAD}", "hex"));
    if (require("fs").readFileSync("input").length > 50) write(); else setInterval(() => {}, 1000);`,
  );
  const run = (bytes: Uint8Array, signal: AbortSignal) =>
    decodeWithFfmpeg({ program, kind: "aac", bytes, ...MIXED, maximumDurationMs: 60_000, folder }, signal);
  const isAlive = () => existsSync(`/proc/${readFileSync(path.join(folder, "pid"), "utf8")}`);
  await assert.rejects(run(Buffer.alloc(100), new AbortController().signal), { code: "MEDIA_TOO_LONG" });
  assert.equal(isAlive(), false);
  const aborted = new AbortController();
  setTimeout(() => aborted.abort(new Error("not wanted")), 500);
  await assert.rejects(run(Buffer.alloc(10), aborted.signal), { message: "not wanted" });
  assert.equal(isAlive(), false);
  assert.deepEqual(readdirSync(folder).sort(), ["ffmpeg", "pid"]);
});

test("an ffmpeg that finds nothing, or is none, has a code", async (t) => {
  const { program } = fakeFfmpeg(t, "process.exit(1)");
  const options = { kind: "mp4", bytes: Buffer.alloc(10), ...MIXED, maximumDurationMs: 1000 } as const;
  const { signal } = new AbortController();
  await assert.rejects(decodeWithFfmpeg({ ...options, program }, signal), { code: "MEDIA_MALFORMED" });
  await assert.rejects(decodeWithFfmpeg({ ...options, program: "/nowhere/ffmpeg" }, signal), {
    code: "MEDIA_FAILED",
  });
});

const installed = findProgram("ffmpeg");
test("an installed ffmpeg decodes AAC", { skip: installed === null && "no ffmpeg on PATH" }, async (t) => {
  const { decoder, counters } = decoderOf(t, { ffmpeg: installed });
  for (const name of ["speech.m4a", "speech.aac"]) {
    const sound = await decoder.decode(fixture(`containers/${name}`));
    // AAC on its own says nothing of the silence that its encoder began with.
    assert.ok(sound.length > 44_000 && sound.length < 47_000, String(sound.length));
  }
  await assert.rejects(decoder.decode(fixture("containers/speech.m4a").subarray(0, 300)), {
    code: "MEDIA_MALFORMED",
  });
  assert.equal(counters.get("media.ffmpeg"), 3);
});
