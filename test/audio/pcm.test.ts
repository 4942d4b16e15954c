import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeAlaw, encodeMulaw } from "../../src/audio/g711.ts";
import { BYTES_PER_SAMPLE, findBadSample, PCM_ENCODINGS, PcmDecoder } from "../../src/audio/pcm.ts";
import { join, splitAt } from "./split.ts";

test("bytes are read little-endian, in each encoding", () => {
  const decoded = (encoding: (typeof PCM_ENCODINGS)[number], ...bytes: number[]) => [
    ...new PcmDecoder(encoding).push(Uint8Array.from(bytes)),
  ];
  assert.deepEqual(decoded("float32", 0, 0, 0, 0x3f, 0, 0, 0x80, 0xbf), [0.5, -1]);
  assert.deepEqual(decoded("s16", 0, 0x40, 0, 0x80, 0xff, 0xff), [0.5, -1, -1 / 32768]);
  const s16 = Int16Array.of(0, 8159, -8159);
  const near = (values: number[]) => values.map((value) => Math.round(value * 40));
  assert.deepEqual(near(decoded("mulaw", ...encodeMulaw(s16))), [0, 10, -10]);
  assert.deepEqual(near(decoded("alaw", ...encodeAlaw(s16))), [0, 10, -10]);
});

test("any split of the bytes gives the same samples, and what is left is counted", () => {
  for (const encoding of PCM_ENCODINGS) {
    const size = BYTES_PER_SAMPLE[encoding];
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.nat(9), { minLength: 1 }),
        (bytes, sizes) => {
          const whole = new PcmDecoder(encoding).push(bytes);
          const decoder = new PcmDecoder(encoding);
          const parts = splitAt(Buffer.from(bytes), sizes).map((part) => decoder.push(part));
          assert.deepEqual(join(parts), whole);
          assert.equal(whole.length, Math.floor(bytes.length / size));
          assert.equal(decoder.restBytes, bytes.length % size);
          decoder.forgetRest();
          assert.equal(decoder.restBytes, 0);
        },
      ),
    );
  }
});

test("what is left of a sample is copied: its buffer may be used again", () => {
  const decoder = new PcmDecoder("s16");
  const bytes = Buffer.from([0, 0x40, 0]);
  decoder.push(bytes);
  bytes.fill(7);
  assert.deepEqual([...decoder.push(Uint8Array.of(0x40))], [0.5]);
});

test("samples that are no sound are found, and loud ones are sound", () => {
  for (const bad of [Number.NaN, Infinity, -Infinity, 10.5, -11])
    assert.equal(findBadSample(Float32Array.of(0, 1, bad)), 2);
  assert.equal(findBadSample(Float32Array.of(-10, 10, 0)), null);
});
