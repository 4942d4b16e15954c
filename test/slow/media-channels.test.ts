import "../seed.ts";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { findProgram } from "../../src/app/find-program.ts";
import { encodeAlaw, encodeMulaw } from "../../src/audio/g711.ts";
import { Counters } from "../../src/base/counters.ts";
import { AuTracks } from "../../src/media/au.ts";
import type { Block } from "../../src/media/block.ts";
import { blocksOf } from "../../src/media/blocks.ts";
import { MediaDecoder, type MediaDecoderOptions } from "../../src/media/decoder.ts";
import { Funnel } from "../../src/media/funnel.ts";
import { kindOf } from "../../src/media/kind.ts";
import { rawAsWav } from "../../src/media/raw.ts";
import type { Sound } from "../../src/media/sound.ts";
import { fixture, wavFile } from "../media/files.ts";

const RATE_HZ = 16_000;

function decoderOf(t: TestContext, more: Partial<MediaDecoderOptions> = {}): MediaDecoder {
  const decoder = new MediaDecoder({ counters: new Counters(), ...more });
  t.after(() => decoder.close());
  return decoder;
}

/** The tracks of 16 bit that a funnel makes of blocks, each channel apart. */
async function separated(blocks: AsyncIterable<Block> | Iterable<Block>, maximumMs = 60_000) {
  const tracks: number[][] = [];
  const funnel = new Funnel(
    maximumMs,
    (s16, track) => {
      tracks[track] ??= [];
      tracks[track].push(...s16);
    },
    "separate",
  );
  for await (const block of blocks) funnel.push(block);
  funnel.end();
  return tracks;
}

/** Interleaved 16-bit samples. */
function interleaved(channels: readonly (readonly number[])[]): Buffer {
  const length = channels[0]?.length ?? 0;
  const bytes = Buffer.alloc(length * channels.length * 2);
  for (let at = 0; at < length; at++)
    for (const [channel, samples] of channels.entries())
      bytes.writeInt16LE(samples[at] as number, (at * channels.length + channel) * 2);
  return bytes;
}

const s16 = fc.integer({ min: -32768, max: 32767 });
const channelsOf = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 }))
  .chain(([count, length]) =>
    fc.array(fc.array(s16, { minLength: length, maxLength: length }), { minLength: count, maxLength: count }),
  );

test("every channel of interleaved samples comes out as it went in, none mixed up, none lost", async () => {
  await fc.assert(
    fc.asyncProperty(channelsOf, async (channels) => {
      const bytes = interleaved(channels);
      const head = { encoding: "s16", sampleRateHz: RATE_HZ, channels: channels.length } as const;
      assert.deepEqual(await separated(blocksOf("wav", rawAsWav(bytes, head))), channels);
    }),
    { numRuns: 60 },
  );
});

test("a channel beside others is what it is alone, at every rate and however its blocks are cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      channelsOf,
      fc.constantFrom(8000, 11_025, 16_000, 44_100, 48_000),
      fc.integer({ min: 1, max: 150 }),
      async (channels, rateHz, cut) => {
        const floats = channels.map((samples) => Float32Array.from(samples, (sample) => sample / 32768));
        const together: Block[] = [];
        for (let at = 0; at < (floats[0]?.length ?? 0); at += cut)
          together.push({ rateHz, channels: floats.map((samples) => samples.slice(at, at + cut)) });
        const tracks = await separated(together);
        for (const [channel, samples] of floats.entries())
          assert.deepEqual(tracks[channel], (await separated([{ rateHz, channels: [samples] }]))[0]);
      },
    ),
    { numRuns: 60 },
  );
});

test("what ffmpeg writes is taken apart wherever its pieces end", () => {
  fc.assert(
    fc.property(channelsOf, fc.array(fc.integer({ min: 1, max: 61 }), { minLength: 1 }), (channels, cuts) => {
      const head = Buffer.alloc(28);
      head.write(".snd");
      [28, 0xffffffff, 3, RATE_HZ, channels.length].forEach((value, index) => {
        head.writeUInt32BE(value, 4 + index * 4);
      });
      const bytes = Buffer.concat([head, interleaved(channels).swap16()]);
      const au = new AuTracks();
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const end = at + (cuts[turn % cuts.length] as number);
        au.push(bytes.subarray(at, end));
        at = end;
      }
      assert.deepEqual(au.tracks.map(samplesOf), channels);
    }),
    { numRuns: 60 },
  );
});

function samplesOf(sound: Pick<Sound, "slice" | "length">): number[] {
  return [...sound.slice(0, sound.length)].map((sample) => sample * 32768);
}

test("ffmpeg that writes something else, or more than 8 channels, has a code", () => {
  assert.throws(() => new AuTracks().push(Buffer.alloc(100)), { code: "MEDIA_MALFORMED" });
  const nine = Buffer.alloc(24);
  nine.write(".snd");
  nine.writeUInt32BE(24, 4);
  nine.writeUInt32BE(9, 20);
  assert.throws(() => new AuTracks().push(nine), { code: "MEDIA_UNSUPPORTED" });
});

test("the limit of a file's duration is one of all its channels together", async (t) => {
  const decoder = decoderOf(t, { limits: { maximumDurationMs: 1000 } });
  const stereo = (ms: number) => wavFile({ channels: 2, data: Buffer.alloc(ms * 64, 1) });
  assert.deepEqual(
    (await decoder.decodeChannels(stereo(500))).map(({ length }) => length),
    [8000, 8000],
  );
  await assert.rejects(decoder.decodeChannels(stereo(501)), { code: "MEDIA_TOO_LONG" });
  assert.equal((await decoder.decode(stereo(1000))).length, 16_000);
});

test("a number of channels that changes is refused, and one alone stands for all", async () => {
  const block = (channels: number, value: number): Block => ({
    rateHz: RATE_HZ,
    channels: Array.from({ length: channels }, () => new Float32Array(10).fill(value)),
  });
  await assert.rejects(separated([block(2, 0.5), block(3, 0.5)]), { code: "MEDIA_UNSUPPORTED" });
  await assert.rejects(separated([block(9, 0.5)]), { code: "MEDIA_UNSUPPORTED" });
  const tracks = await separated([block(2, 0.5), block(1, 0)]);
  assert.deepEqual(
    tracks.map(({ length }) => length),
    [20, 20],
  );
});

test("raw samples of every encoding are what they say", async () => {
  const samples = [0, 1000, -1000, 12_345, -32_124];
  const cases = {
    s16: Buffer.from(Int16Array.from(samples).buffer),
    float32: Buffer.from(Float32Array.from(samples, (sample) => sample / 32768).buffer),
  };
  for (const [encoding, bytes] of Object.entries(cases) as ["s16" | "float32", Buffer][]) {
    const format = { encoding, sampleRateHz: RATE_HZ, channels: 1 };
    // A byte too many is the beginning of a sample that never came.
    const wav = rawAsWav(Buffer.concat([bytes, Buffer.alloc(1)]), format);
    assert.deepEqual(await separated(blocksOf("wav", wav)), [samples]);
  }
  for (const [encoding, encode] of [
    ["mulaw", encodeMulaw],
    ["alaw", encodeAlaw],
  ] as const) {
    const codes = encode(Int16Array.from(samples));
    const [track = []] = await separated(
      blocksOf("wav", rawAsWav(codes, { encoding, sampleRateHz: RATE_HZ, channels: 1 })),
    );
    for (const [index, sample] of samples.entries())
      assert.ok(Math.abs((track[index] as number) - sample) <= 512, `${encoding} ${sample}`);
  }
});

const ffmpeg = findProgram("ffmpeg");
const CONTAINERS: [extension: string, codec: string[]][] = [
  ["mp3", ["-c:a", "libmp3lame"]],
  ["flac", ["-c:a", "flac"]],
  ["ogg", ["-c:a", "libopus"]],
  ["oga", ["-c:a", "libvorbis"]],
  ["webm", ["-c:a", "libopus"]],
  ["m4a", ["-c:a", "aac"]],
];

for (const [extension, codec] of CONTAINERS) {
  const skip = ffmpeg === null && "no ffmpeg on PATH to make the file with";
  test(`the channels of a stereo ${extension} (${codec.at(-1)}) come apart, the loud one first`, {
    skip,
  }, async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "linescribe-test-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const [from, to] = [path.join(folder, "from.wav"), path.join(folder, `to.${extension}`)];
    const tone = (loudness: number) =>
      Array.from({ length: RATE_HZ }, (_, at) => Math.round(loudness * Math.sin(at / 6)));
    writeFileSync(from, wavFile({ channels: 2, data: interleaved([tone(12_000), tone(3000)]) }));
    const made = spawnSync(ffmpeg as string, ["-v", "error", "-i", from, ...codec, "-b:a", "128k", to]);
    assert.equal(made.status, 0, String(made.stderr));
    const sounds = await decoderOf(t, { ffmpeg }).decodeChannels(readFileSync(to));
    const loudness = sounds.map((sound) => {
      const middle = sound.slice(4000, 12_000);
      return Math.sqrt(middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length);
    });
    const [left = 0, right = 0] = loudness;
    assert.equal(sounds.length, 2);
    assert.ok(Math.abs(left / right - 4) < 0.4, String(loudness));
    assert.ok(Math.abs((sounds[0]?.length ?? 0) - (sounds[1]?.length ?? 1)) === 0);
  });
}

test("a file of every container has as many channels as it says, one or two", async (t) => {
  const decoder = decoderOf(t, { ffmpeg });
  for (const name of ["speech.mp3", "speech.flac", "opus.ogg", "vorbis.ogg", "speech.webm", "speech.m4a"]) {
    if (name.endsWith("m4a") && ffmpeg === null) continue;
    const bytes = fixture(`containers/${name}`);
    assert.ok(kindOf(bytes));
    assert.equal((await decoder.decodeChannels(bytes)).length, name === "opus.ogg" ? 2 : 1, name);
  }
});
