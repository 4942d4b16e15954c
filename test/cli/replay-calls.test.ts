import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { decodeMulaw } from "../../src/audio/g711.ts";
import { encodeWav } from "../../src/audio/wav.ts";
import { LinescribeError } from "../../src/base/error.ts";
import {
  parseRecordedCall,
  type RecordedCall,
  type RecordedMessage,
} from "../../src/cli/replay/recorded-call.ts";
import { callFromClips, callFromSounds, loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import { StreamMessages } from "../../src/cli/replay/stream-messages.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures", import.meta.url));
const NAMES = [
  "dtmf-connect",
  "greeting-connect",
  "hold-music",
  "lossy",
  "no-stop",
  "spanish",
  "two-track-start",
];

type Media = Extract<RecordedMessage, { kind: "media" }>;

interface Reference {
  language: string;
  tracks: Record<string, { startMs: number; endMs: number; text: string; spoken: [number, number][] }[]>;
  dtmf: { digit: string; atMs: number }[];
  lost: { track: string; startMs: number; endMs: number }[];
}

const mediaOf = (call: RecordedCall): Media[] =>
  [...call.messages].filter((message) => message.kind === "media");
const bytesOf = (payload: string): Buffer => Buffer.from(payload, "base64");

async function referenceOf(name: string): Promise<Reference> {
  return JSON.parse(await readFile(join(FIXTURES, "calls", `${name}.reference.json`), "utf8"));
}

/** Root mean square of a call's inbound or outbound track between two stream times, on the 16-bit scale. */
function loudness(call: RecordedCall, track: string, startMs: number, endMs: number): number {
  const packets = mediaOf(call).filter(
    (packet) => packet.track === track && packet.timestampMs >= startMs && packet.timestampMs + 20 <= endMs,
  );
  const s16 = packets.flatMap(({ payload }) => {
    const samples = new Int16Array(160);
    decodeMulaw(bytesOf(payload), samples);
    return [...samples];
  });
  return Math.sqrt(s16.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, s16.length));
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "linescribe-replay-"));
});
after(() => rm(folder, { recursive: true, force: true }));

test("the fixtures are the seven calls that their table names, and less than 15 MB", async () => {
  const files = (await readdir(join(FIXTURES, "calls"))).filter((file) => file.endsWith(".jsonl"));
  assert.deepEqual(files.map((file) => file.slice(0, -6)).sort(), NAMES);
  const readme = await readFile(join(FIXTURES, "README.md"), "utf8");
  for (const name of NAMES) assert.match(readme, new RegExp(`^\\| \`${name}\` \\|`, "m"));
  const all = await readdir(FIXTURES, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    all
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 15e6);
});

test("every recorded call has packets of 20 ms, strings for numbers, and speech where its reference says", async () => {
  for (const name of NAMES) {
    const path = join(FIXTURES, "calls", `${name}.jsonl`);
    const call = await loadRecordedCall(path);
    const reference = await referenceOf(name);
    assert.equal(call.name, name);
    assert.equal(call.ending, name === "no-stop" ? "drop" : "stop");
    assert.ok(call.endAtMs > 15_000 && call.endAtMs < 45_000, `${name} lasts ${call.endAtMs} ms`);
    assert.ok(mediaOf(call).every(({ payload }) => bytesOf(payload).length === 160));
    const [, , third] = (await readFile(path, "utf8")).split("\n", 3);
    assert.equal(typeof JSON.parse(third ?? "").message.sequenceNumber, "string");
    assert.deepEqual(Object.keys(reference.tracks), call.tracks);
    for (const [track, said] of Object.entries(reference.tracks)) {
      for (const { startMs, endMs, spoken } of said) {
        assert.ok(startMs < endMs && endMs <= call.endAtMs);
        assert.equal(spoken[0]?.[0], startMs);
        assert.equal(spoken.at(-1)?.[1], endMs);
        assert.ok(loudness(call, track, startMs, endMs) > 500, `${name}: speech at ${startMs}`);
      }
    }
    const keys = [...call.messages].filter((message) => message.kind === "dtmf");
    assert.deepEqual(
      keys.map(({ digit, atMs }) => ({ digit, atMs: atMs - call.startAtMs })),
      reference.dtmf,
    );
  }
});

test("before the first word of a call there is line noise only", async () => {
  const call = await loadRecordedCall(join(FIXTURES, "calls", "greeting-connect.jsonl"));
  const [first] = (await referenceOf("greeting-connect")).tracks.inbound ?? [];
  const noise = loudness(call, "inbound", 0, (first?.startMs ?? 0) - 20);
  assert.ok(noise > 4 && noise < 40, `noise of ${noise}`);
});

test("the lossy call has losses, duplicates, disorder and a jump, and its reference lists every hole", async () => {
  const call = await loadRecordedCall(join(FIXTURES, "calls", "lossy.jsonl"));
  const packets = mediaOf(call);
  const seen = new Set(packets.map(({ timestampMs }) => timestampMs));
  assert.ok(packets.length - seen.size >= 10, "duplicates");
  const late = packets.filter(
    ({ timestampMs }, index) => timestampMs < (packets[index - 1]?.timestampMs ?? 0),
  );
  assert.ok(late.length >= 20, "disorder");
  const { lost } = await referenceOf("lossy");
  assert.ok(
    lost.some(({ startMs, endMs }) => endMs - startMs >= 1400),
    "jump",
  );
  const isLost = (ms: number) => lost.some(({ startMs, endMs }) => ms >= startMs && ms < endMs);
  const last = Math.max(...seen);
  for (let ms = Math.min(...seen); ms <= last; ms += 20)
    assert.equal(seen.has(ms), !isLost(ms), `at ${ms} ms`);
});

test("a stream of all recorded tracks keeps the recorded numbers, holes and repeats among them", async () => {
  const call = await loadRecordedCall(join(FIXTURES, "calls", "lossy.jsonl"));
  const identity = { accountSid: "AC", callSid: "CA", streamSid: "MZ", parameters: {} };
  const writer = new StreamMessages({ ...identity, tracks: ["inbound"], mode: "connect" }, call.tracks, 0);
  for (const recorded of call.messages) {
    if (recorded.kind !== "media") continue;
    const [message] = writer.of(recorded).map((text) => JSON.parse(text));
    assert.equal(message.sequenceNumber, String(recorded.sequence));
    assert.equal(message.media.chunk, String(recorded.chunk));
    assert.equal(message.media.timestamp, String(recorded.timestampMs));
    assert.equal(message.media.payload, recorded.payload);
  }
});

test("clips are strung together with silence around them, sample for sample", () => {
  const clips = [new Uint8Array(777).fill(0x11), new Uint8Array(1600).fill(0x22)].map((mulaw) => ({ mulaw }));
  const { call, clips: placed } = callFromClips(clips, 1000);
  assert.deepEqual(placed, [
    { startMs: 1000, endMs: 1000 + 777 / 8 },
    { startMs: 2000 + 777 / 8, endMs: 2200 + 777 / 8 },
  ]);
  const sound = Buffer.concat(mediaOf(call).map(({ payload }) => bytesOf(payload)));
  const silence = (samples: number) => Buffer.alloc(samples, 0xff);
  const expected = Buffer.concat([
    silence(8000),
    clips[0]?.mulaw as Uint8Array,
    silence(8000),
    clips[1]?.mulaw as Uint8Array,
    silence(8000),
  ]);
  assert.deepEqual(sound.subarray(0, expected.length), expected);
  assert.ok(
    sound.length - expected.length < 160 && sound.subarray(expected.length).every((byte) => byte === 0xff),
  );
});

test("sounds of any length become whole packets at 20 ms steps, and iterating twice gives the same", () => {
  fc.assert(
    fc.property(fc.nat(2000), fc.nat(2000), (inbound, outbound) => {
      const call = callFromSounds([new Uint8Array(inbound), new Uint8Array(outbound)]);
      const packets = mediaOf(call);
      assert.equal(packets.length, 2 * Math.ceil(Math.max(inbound, outbound) / 160));
      packets.forEach((packet, index) => {
        assert.equal(packet.sequence, index + 2);
        assert.equal(packet.timestampMs, Math.floor(index / 2) * 20);
        assert.equal(packet.atMs, packet.timestampMs + 20);
        assert.equal(packet.track, index % 2 === 0 ? "inbound" : "outbound");
      });
      assert.deepEqual(mediaOf(call), packets);
    }),
    { numRuns: 50 },
  );
});

test("a WAV file becomes a call: 16 kHz is brought to the phone's rate, stereo is two tracks", async () => {
  const tone = (rateHz: number, hz: number) =>
    Float32Array.from({ length: rateHz }, (_, at) => 0.5 * Math.sin((2 * Math.PI * hz * at) / rateHz));
  const path = join(folder, "stereo.wav");
  const channels = [tone(16_000, 440), new Float32Array(16_000)];
  await writeFile(path, encodeWav({ rateHz: 16_000, encoding: "s16", channels }));
  const call = await loadRecordedCall(path);
  assert.equal(call.name, "stereo.wav");
  assert.equal(call.mode, "start");
  assert.deepEqual(call.tracks, ["inbound", "outbound"]);
  assert.equal(mediaOf(call).length, 100);
  assert.ok(Math.abs(loudness(call, "inbound", 100, 900) - 0.5 * 32768 * Math.SQRT1_2) < 200);
  assert.ok(loudness(call, "outbound", 0, 1000) < 10);
});

test("whatever a file holds, loading it gives a call or one of our errors", () => {
  const line = fc.oneof(
    fc.json(),
    fc.record({ atMs: fc.anything(), message: fc.anything() }).map((value) => JSON.stringify(value)),
    fc.constant(
      '{"call":{"name":"a","mode":"start","tracks":["inbound"],"language":"en","from":"1","to":"2"}}',
    ),
    fc.constant('{"atMs":0,"message":{"event":"start"}}'),
    fc.constant('{"atMs":1,"message":{"event":"media","sequenceNumber":"2","media":{"track":"both"}}}'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), (lines) => {
      try {
        parseRecordedCall(lines.join("\n"));
      } catch (error) {
        assert.ok(error instanceof LinescribeError && error.code === "REPLAY_REFUSED", String(error));
      }
    }),
  );
});
