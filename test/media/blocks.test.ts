import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseWav } from "../../src/audio/wav.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { blocksOf } from "../../src/media/blocks.ts";
import { Funnel } from "../../src/media/funnel.ts";
import { kindOf, type MediaKind } from "../../src/media/kind.ts";
import { wavBlocks } from "../../src/media/wav-blocks.ts";
import { all, fixture, SPEECH, wavFile } from "./files.ts";

// What the decoders say of damaged files is not the test's output; in the program the worker keeps it quiet as well.
console.error = () => {};
console.warn = () => {};

/** The 16 kHz samples of a file, in [-1, 1). */
async function decoded(bytes: Uint8Array, kind = kindOf(bytes), maximumMs = 60_000): Promise<Float32Array> {
  const parts: Int16Array[] = [];
  const funnel = new Funnel(maximumMs, (s16) => parts.push(s16));
  for await (const block of blocksOf(kind as MediaKind, bytes)) funnel.push(block);
  funnel.end();
  const samples = parts.flatMap((part) => [...part]);
  return Float32Array.from(samples, (sample) => sample / 32768);
}

/** Correlation of two sounds, 1 when they are the same up to loudness. */
function likeness(a: Float32Array, b: Float32Array): number {
  let [both, left, right] = [0, 0, 0];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index] as number, b[index] ?? 0];
    both += x * y;
    left += x * x;
    right += y * y;
  }
  return both / Math.sqrt(left * right);
}

const CONTAINERS: [name: string, kind: MediaKind, least: number][] = [
  ["containers/speech.mp3", "mp3", 0.99],
  ["containers/speech.flac", "flac", 0.9999],
  ["containers/opus.ogg", "ogg", 0.98],
  ["containers/vorbis.ogg", "ogg", 0.99],
  ["containers/speech.webm", "webm", 0.98],
  ["containers/live.webm", "webm", 0.98],
];

for (const [name, kind, least] of CONTAINERS) {
  test(`${name} is the speech that it was made from, as long and at the same time`, async () => {
    const bytes = fixture(name);
    assert.equal(kindOf(bytes), kind);
    const [original, sound] = [await decoded(fixture(SPEECH)), await decoded(bytes)];
    assert.ok(Math.abs(sound.length - original.length) <= 16, `${sound.length} of ${original.length}`);
    // One sample of shift would make it less than this at once.
    assert.ok(likeness(original, sound) > least, String(likeness(original, sound)));
  });
}

test("kinds are told by content: what is no audio that is known has none", () => {
  assert.equal(kindOf(fixture("containers/speech.m4a")), "mp4");
  assert.equal(kindOf(fixture("containers/speech.aac")), "aac");
  for (const text of [
    "",
    "R",
    "<html>",
    "#EXTM3U\nfile:///etc/passwd",
    "ffconcat version 1.0\n",
    "%PDF-1.7",
  ]) {
    assert.equal(kindOf(Buffer.from(text)), null, text);
  }
});

test("a WAV file of any width and number of channels is the mean of its channels", async () => {
  const widths: [tag: number, bits: number, write: (data: Buffer, value: number, at: number) => void][] = [
    [1, 8, (data, value, at) => data.writeUInt8(Math.round(value * 128) + 128, at)],
    [1, 16, (data, value, at) => data.writeInt16LE(Math.round(value * 2 ** 15), at)],
    [1, 24, (data, value, at) => data.writeIntLE(Math.round(value * 2 ** 23), at, 3)],
    [1, 32, (data, value, at) => data.writeInt32LE(Math.round(value * 2 ** 31), at)],
    [3, 32, (data, value, at) => data.writeFloatLE(value, at)],
    [3, 64, (data, value, at) => data.writeDoubleLE(value, at)],
  ];
  for (const [tag, bits, write] of widths) {
    for (const channels of [1, 2, 8]) {
      const values = [0, 0.5, -0.5, 0.25, -1];
      const data = Buffer.alloc((values.length * channels * bits) / 8);
      for (const [index, value] of values.entries()) {
        for (let channel = 0; channel < channels; channel++) {
          // The first channel has it all, so the mean is a share of it.
          write(data, channel === 0 ? value : 0, ((index * channels + channel) * bits) / 8);
        }
      }
      const sound = await decoded(wavFile({ tag, bits, channels, data }));
      assert.deepEqual(
        [...sound],
        values.map((value) => value / channels),
        `${tag} ${bits} ${channels}`,
      );
    }
  }
});

test("WAV files of the telephone are read as the program reads them elsewhere", async () => {
  const bytes = fixture(SPEECH);
  const blocks = await all(wavBlocks(bytes));
  const { rateHz, channels } = parseWav(bytes);
  assert.deepEqual(blocks, [{ rateHz, channels }]);
});

test("floats that are no numbers or far too loud are silence and full scale", async () => {
  const data = Buffer.alloc(16);
  [Number.NaN, Infinity, -1e30, 0.5].forEach((value, index) => {
    data.writeFloatLE(value, index * 4);
  });
  assert.deepEqual([...(await decoded(wavFile({ tag: 3, bits: 32, data })))], [0, 32767 / 32768, -1, 0.5]);
});

test("a WAV file counts up to its last whole sample, whatever its sizes say", async () => {
  for (const statedBytes of [0, 7, 1000, 0xffffffff]) {
    const sound = await decoded(wavFile({ data: Buffer.alloc(7, 1), statedBytes }));
    assert.equal(sound.length, 3, String(statedBytes));
  }
});

test("WAV files that cannot be are refused by name", async () => {
  const data = Buffer.alloc(64);
  for (const [fields, code] of [
    [{ tag: 2, bits: 4, data }, "MEDIA_UNSUPPORTED"],
    [{ channels: 9, data }, "MEDIA_UNSUPPORTED"],
    [{ rateHz: 3999, data }, "MEDIA_UNSUPPORTED"],
    [{ rateHz: 4_000_000_000, data }, "MEDIA_UNSUPPORTED"],
  ] as const) {
    await assert.rejects(decoded(wavFile(fields)), { code }, JSON.stringify(fields));
  }
  await assert.rejects(decoded(wavFile({ data }).subarray(0, 30)), { code: "MEDIA_MALFORMED" });
  await assert.rejects(decoded(wavFile({ data }).subarray(0, 40)), { code: "MEDIA_MALFORMED" });
});

test("any rate becomes 16 kHz of the same length with the same tone", async () => {
  for (const rateHz of [4000, 8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 191_999]) {
    const data = Buffer.alloc(rateHz * 2);
    for (let at = 0; at < rateHz; at++) {
      data.writeInt16LE(Math.round(16_384 * Math.sin((2 * Math.PI * 440 * at) / rateHz)), at * 2);
    }
    const sound = await decoded(wavFile({ rateHz, data }));
    assert.equal(sound.length, 16_000, String(rateHz));
    for (let at = 2000; at < 14_000; at++) {
      const expected = 0.5 * Math.sin((2 * Math.PI * 440 * at) / 16_000);
      assert.ok(Math.abs((sound[at] as number) - expected) < 1e-3, `${rateHz} Hz at ${at}`);
    }
  }
});

test("blocks are gathered to a second, however small they come, and nothing of them is lost", () => {
  const emitted: number[] = [];
  const funnel = new Funnel(60_000, (s16) => emitted.push(s16.length));
  for (let block = 0; block < 1000; block++)
    funnel.push({ rateHz: 16_000, channels: [new Float32Array(40)] });
  funnel.end();
  assert.deepEqual(emitted, [16_000, 16_000, 8000]);
});

test("a file that plays longer than its limit is refused at the limit, not at its end", async () => {
  const data = Buffer.alloc(16_000 * 2 * 3);
  let blocks = 0;
  const funnel = new Funnel(1000, () => {
    blocks += 1;
  });
  assert.throws(
    () => {
      for (const block of wavBlocks(wavFile({ data }))) funnel.push(block);
    },
    { code: "MEDIA_TOO_LONG" },
  );
  assert.equal(blocks, 0);
  assert.equal((await decoded(wavFile({ data }), "wav", 3000)).length, 48_000);
});

/** Whatever the bytes: sound, or one of the declared errors. */
async function survives(bytes: Uint8Array, kind: MediaKind): Promise<void> {
  try {
    await decoded(bytes, kind, 10_000);
  } catch (error) {
    // What a library throws over a damaged file becomes MEDIA_MALFORMED in the worker.
    if (error instanceof LinescribeError)
      assert.match(error.code, /^MEDIA_(MALFORMED|UNSUPPORTED|TOO_LONG)$/);
    else assert.ok(error instanceof Error && kind !== "webm" && kind !== "wav", String(error));
  }
}

for (const [name, kind] of CONTAINERS) {
  test(`${name}, cut short and with bits flipped, is decoded or refused by name`, async () => {
    const bytes = fixture(name);
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), {
      maxLength: 20,
    });
    const heads = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 255 })), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length), flips, heads, async (length, body, head) => {
        const damaged = bytes.slice();
        for (const [at, mask] of [...body, ...head]) damaged[at] = (damaged[at] as number) ^ mask;
        await survives(damaged.subarray(0, length), kind);
      }),
      { numRuns: 15 },
    );
  });
}
