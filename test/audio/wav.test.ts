import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeWav, parseWav } from "../../src/audio/wav.ts";
import { LinescribeError } from "../../src/base/error.ts";

/** A chunk as `file` joins them: an id, then fields, then the body. */
function chunk(id: string, body: Buffer, size = body.length): Buffer {
  const header = Buffer.alloc(8);
  header.write(id, "latin1");
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, body, Buffer.alloc(body.length % 2)]);
}

function file(...chunks: Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from("WAVE"), ...chunks]);
  return chunk("RIFF", body);
}

function format(tag: number, channels: number, rateHz: number, bits: number, extension = ""): Buffer {
  const block = (channels * bits) / 8;
  const body = Buffer.alloc(16);
  body.writeUInt16LE(tag, 0);
  body.writeUInt16LE(channels, 2);
  body.writeUInt32LE(rateHz, 4);
  body.writeUInt32LE(rateHz * block, 8);
  body.writeUInt16LE(block, 12);
  body.writeUInt16LE(bits, 14);
  return chunk("fmt ", Buffer.concat([body, Buffer.from(extension, "hex")]));
}

/** The extension of an extensible header: 22 bytes follow, valid bits, speakers, then the sub-format's GUID. */
function extension(bits: number, tag: number): string {
  const tail = "000000001000800000aa00389b71";
  return `1600${bits.toString(16).padStart(2, "0")}0004000000${tag.toString(16).padStart(2, "0")}00${tail}`;
}

const FOUR_SAMPLES = Buffer.from("0080ff7f00000040", "hex");
const FOUR_FLOATS = [-1, 32767 / 32768, 0, 0.5];

function refused(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => parseWav(bytes),
    (error) =>
      error instanceof LinescribeError && error.code === "AUDIO_BAD_WAV" && message.test(error.message),
  );
}

test("PCM of 16 bits is read as s16 / 32768", () => {
  const wav = parseWav(file(format(1, 1, 8000, 16), chunk("data", FOUR_SAMPLES)));
  assert.equal(wav.rateHz, 8000);
  assert.deepEqual(
    wav.channels.map((channel) => [...channel]),
    [FOUR_FLOATS],
  );
});

test("stereo is two channels, left first", () => {
  const wav = parseWav(file(format(1, 2, 16000, 16), chunk("data", FOUR_SAMPLES)));
  assert.equal(wav.rateHz, 16000);
  assert.deepEqual(
    wav.channels.map((channel) => [...channel]),
    [
      [-1, 0],
      [32767 / 32768, 0.5],
    ],
  );
});

test("mu-law (7) and A-law (6) are read by their tables, with and without an extension size", () => {
  const mulaw = parseWav(file(format(7, 1, 8000, 8, "0000"), chunk("data", Buffer.from("ff8000", "hex"))));
  assert.deepEqual([...(mulaw.channels[0] ?? [])], [0, 32124 / 32768, -32124 / 32768]);
  const alaw = parseWav(file(format(6, 1, 8000, 8), chunk("data", Buffer.from("d5aa2a", "hex"))));
  assert.deepEqual([...(alaw.channels[0] ?? [])], [8 / 32768, 32256 / 32768, -32256 / 32768]);
});

test("an extensible header is read by its sub-format: PCM, A-law, mu-law", () => {
  const pcm = file(format(0xfffe, 1, 8000, 16, extension(16, 1)), chunk("data", FOUR_SAMPLES));
  assert.deepEqual([...(parseWav(pcm).channels[0] ?? [])], FOUR_FLOATS);
  const mulaw = file(format(0xfffe, 1, 8000, 8, extension(8, 7)), chunk("data", Buffer.from("8000", "hex")));
  assert.deepEqual([...(parseWav(mulaw).channels[0] ?? [])], [32124 / 32768, -32124 / 32768]);
  const alaw = file(format(0xfffe, 1, 8000, 8, extension(8, 6)), chunk("data", Buffer.from("aa", "hex")));
  assert.deepEqual([...(parseWav(alaw).channels[0] ?? [])], [32256 / 32768]);
});

test("other chunks are skipped wherever they are, odd ones with their padding", () => {
  const wav = parseWav(
    file(
      chunk("LIST", Buffer.from("odd")),
      format(1, 1, 8000, 16),
      chunk("fact", Buffer.from("datadata")),
      chunk("junk", Buffer.alloc(1)),
      chunk("data", FOUR_SAMPLES),
      chunk("LIST", Buffer.from("after")),
    ),
  );
  assert.deepEqual([...(wav.channels[0] ?? [])], FOUR_FLOATS);
});

test("a data chunk before the format is taken all the same", () => {
  const wav = parseWav(file(chunk("data", FOUR_SAMPLES), format(1, 1, 8000, 16)));
  assert.deepEqual([...(wav.channels[0] ?? [])], FOUR_FLOATS);
});

test("a stream whose sizes were never filled in counts up to its end, whether 0 or 0xFFFFFFFF", () => {
  for (const size of [0, 0xffffffff]) {
    const bytes = file(format(1, 1, 8000, 16), chunk("data", FOUR_SAMPLES, size));
    bytes.writeUInt32LE(size, 4);
    assert.deepEqual([...(parseWav(bytes).channels[0] ?? [])], FOUR_FLOATS, String(size));
  }
});

test("a data size of 0 in a file that was closed is no audio, not the chunks behind it", () => {
  const wav = parseWav(
    file(format(1, 1, 8000, 16), chunk("data", Buffer.alloc(0)), chunk("LIST", Buffer.alloc(10))),
  );
  assert.equal(wav.channels[0]?.length, 0);
});

test("a file cut short counts up to its last whole sample of every channel", () => {
  const whole = file(format(1, 2, 8000, 16), chunk("data", Buffer.alloc(400, 1)));
  for (const [cut, length] of [
    [0, 100],
    [1, 99],
    [3, 99],
    [4, 99],
    [5, 98],
    [400, 0],
  ] as const) {
    const { channels } = parseWav(whole.subarray(0, whole.length - cut));
    assert.deepEqual(
      channels.map((channel) => channel.length),
      [length, length],
      `${cut} bytes cut`,
    );
  }
});

test("bytes at any offset of a larger buffer are read", () => {
  const bytes = file(format(1, 1, 8000, 16), chunk("data", FOUR_SAMPLES));
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.deepEqual([...(parseWav(shifted.subarray(3)).channels[0] ?? [])], FOUR_FLOATS);
});

test("what is not a WAV file of these encodings is refused with the reason", () => {
  const data = chunk("data", FOUR_SAMPLES);
  refused(Buffer.alloc(0), /RIFF/);
  refused(Buffer.from("RIFX0000WAVEfmt "), /RIFF/);
  refused(Buffer.from("RIFF0000AVI fmt "), /RIFF/);
  refused(file(data), /no fmt chunk/);
  refused(file(format(1, 1, 8000, 16)), /no data chunk/);
  refused(file(chunk("fmt ", Buffer.alloc(15)), data), /at least 16 bytes, got 15/);
  refused(file(format(1, 1, 8000, 24), data), /16 bits a sample, got 24/);
  refused(file(format(7, 1, 8000, 16), data), /8 bits a sample, got 16/);
  refused(file(format(3, 1, 8000, 32), data), /got format tag 3/);
  refused(file(format(1, 0, 8000, 16), data), /1 or 2 channels, got 0/);
  refused(file(format(1, 6, 8000, 16), data), /1 or 2 channels, got 6/);
  refused(file(format(1, 1, 0, 16), data), /rate/);
  refused(file(format(1, 1, 192_001, 16), data), /rate/);
  refused(file(format(0xfffe, 1, 8000, 16, "00"), data), /extensible fmt chunk of 40 bytes/);
  refused(file(format(0xfffe, 1, 8000, 16, extension(16, 1).replace("9b71", "9b72")), data), /GUID/);
  refused(file(format(0xfffe, 1, 8000, 16, extension(16, 3)), data), /got format tag 3/);
  const block = format(1, 2, 8000, 16);
  block.writeUInt16LE(3, 8 + 12);
  refused(file(block, data), /block of 4 bytes, got 3/);
});

test("whatever the bytes, the parser returns finite samples or throws AUDIO_BAD_WAV", () => {
  const whole = file(
    format(0xfffe, 2, 8000, 16, extension(16, 1)),
    chunk("LIST", Buffer.alloc(7)),
    chunk("data", FOUR_SAMPLES),
  );
  const parse = (bytes: Uint8Array): void => {
    try {
      const { channels } = parseWav(bytes);
      assert.ok(channels.every((channel) => channel.every((sample) => Math.abs(sample) <= 1)));
    } catch (error) {
      assert.ok(error instanceof LinescribeError && error.code === "AUDIO_BAD_WAV", String(error));
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      parse(bytes);
      parse(Buffer.concat([Buffer.from("RIFF1234WAVE"), bytes]));
      parse(file(chunk("fmt ", Buffer.from(bytes)), chunk("data", FOUR_SAMPLES)));
    }),
  );
  const edit = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 8 }), fc.nat(whole.length), (edits, length) => {
      const bytes = Buffer.from(whole);
      for (const [offset, value] of edits) bytes[offset] = value;
      parse(bytes.subarray(0, length));
    }),
    { numRuns: 2000 },
  );
});

test("a written PCM file has the 44-byte header byte for byte", () => {
  const bytes = encodeWav({
    rateHz: 8000,
    encoding: "s16",
    channels: [Float32Array.from([-1, 0.5]), Float32Array.from([0, 1])],
  });
  assert.equal(
    Buffer.from(bytes).toString("hex"),
    "524946462c00000057415645" + // RIFF, 44 bytes follow, WAVE
      "666d7420100000000100020040" + // fmt of 16 bytes: PCM, 2 channels, 8000 Hz ...
      "1f0000007d000004001000" + // ... 32000 bytes/s, blocks of 4 bytes, 16 bits
      "6461746108000000008000000040ff7f",
  );
});

test("a written mu-law file has an 18-byte format, the sample count in a fact chunk, and padding", () => {
  const bytes = encodeWav({ rateHz: 8000, encoding: "mulaw", channels: [Float32Array.from([0, 1, -1])] });
  assert.equal(
    Buffer.from(bytes).toString("hex"),
    "524946463600000057415645" +
      "666d74201200000007000100401f0000401f0000010008000000" +
      "666163740400000003000000" +
      "6461746103000000ff800000",
  );
});

test("what is written is read back: PCM exactly, mu-law within its steps", () => {
  fc.assert(
    fc.property(
      fc.int16Array({ maxLength: 60 }),
      fc.constantFrom(8000, 16000),
      fc.integer({ min: 1, max: 2 }),
      (s16, rateHz, count) => {
        const channels = Array.from({ length: count }, (_, channel) =>
          Float32Array.from(s16, (sample) => (channel === 0 ? sample : -1 - sample) / 32768),
        );
        assert.deepEqual(parseWav(encodeWav({ rateHz, encoding: "s16", channels })), { rateHz, channels });
        const mulaw = parseWav(encodeWav({ rateHz, encoding: "mulaw", channels }));
        assert.equal(mulaw.rateHz, rateHz);
        for (const [channel, f32] of mulaw.channels.entries()) {
          for (const [index, sample] of f32.entries()) {
            const wanted = channels[channel]?.[index] as number;
            assert.ok(
              Math.abs(sample - wanted) <= Math.abs(wanted) / 16 + 0.0003,
              `${wanted} gave ${sample}`,
            );
          }
        }
      },
    ),
  );
});

test("channels of two lengths, none or three are a RangeError", () => {
  const write = (...lengths: number[]) =>
    encodeWav({
      rateHz: 8000,
      encoding: "s16",
      channels: lengths.map((length) => new Float32Array(length)),
    });
  assert.throws(() => write(1, 2), RangeError);
  assert.throws(() => write(), RangeError);
  assert.throws(() => write(1, 1, 1), RangeError);
});
