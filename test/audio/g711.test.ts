import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw, MULAW_SILENCE } from "../../src/audio/g711.ts";

/**
 * ITU-T G.711 table 2 as a formula, in 14-bit units of the recommendation: on the line every bit is inverted; then
 * sign, segment and step give (2 * step + 33) * 2^segment - 33. Times 4 makes it 16-bit.
 */
function mulawOfTable(code: number): number {
  const bits = 255 - code;
  const magnitude = 4 * ((2 * (bits % 16) + 33) * 2 ** (Math.floor(bits / 16) % 8) - 33);
  return bits >= 128 ? -magnitude : magnitude;
}

/**
 * ITU-T G.711 table 1, in 13-bit units: even bits are inverted on the line; segment 0 is 2 * step + 1, the others
 * (2 * step + 33) * 2^(segment - 1); a set sign bit is positive. Times 8 makes it 16-bit.
 */
function alawOfTable(code: number): number {
  const bits = code ^ 0b01010101;
  const segment = Math.floor(bits / 16) % 8;
  const step = bits % 16;
  const magnitude = 8 * (segment === 0 ? 2 * step + 1 : (2 * step + 33) * 2 ** (segment - 1));
  return bits >= 128 ? magnitude : -magnitude;
}

const CODES = Uint8Array.from({ length: 256 }, (_, code) => code);

function decodeAll(decode: typeof decodeMulaw): number[] {
  const s16 = new Int16Array(256);
  assert.equal(decode(CODES, s16), 256);
  return [...s16];
}

test("all 256 mu-law codes decode to the values of the G.711 table at 16-bit scale", () => {
  // `+ 0` because the table has two zeros.
  assert.deepEqual(
    decodeAll(decodeMulaw),
    [...CODES].map((code) => mulawOfTable(code) + 0),
  );
});

test("all 256 A-law codes decode to the values of the G.711 table at 16-bit scale", () => {
  assert.deepEqual(decodeAll(decodeAlaw), [...CODES].map(alawOfTable));
});

test("the published mu-law spot values hold: 0xFF 0, 0x7F 0, 0x80 32124, 0x00 -32124, 0xFE 8", () => {
  const s16 = new Int16Array(5);
  decodeMulaw(Uint8Array.of(0xff, 0x7f, 0x80, 0x00, 0xfe), s16);
  assert.deepEqual([...s16], [0, 0, 32124, -32124, 8]);
  assert.equal(MULAW_SILENCE, 0xff);
});

test("A-law spot values hold: 0xD5 8, 0x55 -8, 0xAA 32256, 0x2A -32256", () => {
  const s16 = new Int16Array(4);
  decodeAlaw(Uint8Array.of(0xd5, 0x55, 0xaa, 0x2a), s16);
  assert.deepEqual([...s16], [8, -8, 32256, -32256]);
});

/** The decision values around the table values: lowest and highest magnitude that a code stands for, 16-bit. */
function mulawInterval(code: number): [number, number] {
  const bits = 255 - code;
  const [segment, step] = [Math.floor(bits / 16) % 8, bits % 16];
  return [4 * ((2 * step + 32) * 2 ** segment - 33), 4 * ((2 * step + 34) * 2 ** segment - 33)];
}

function alawInterval(code: number): [number, number] {
  const bits = code ^ 0b01010101;
  const [segment, step] = [Math.floor(bits / 16) % 8, bits % 16];
  const low = segment === 0 ? 2 * step : (2 * step + 32) * 2 ** (segment - 1);
  return [8 * low, 8 * (low + 2 ** Math.max(1, segment))];
}

test("every 16-bit sample encodes to the code in whose decision interval it lies", () => {
  const every = Int16Array.from({ length: 65536 }, (_, index) => index - 32768);
  for (const [name, encode, intervalOf, ofTable, loudest] of [
    ["mu-law", encodeMulaw, mulawInterval, mulawOfTable, 32124],
    ["A-law", encodeAlaw, alawInterval, alawOfTable, 32256],
  ] as const) {
    const codes = encode(every);
    for (let index = 0; index < every.length; index++) {
      const sample = every[index] as number;
      const code = codes[index] as number;
      const [low, high] = intervalOf(code);
      const magnitude = Math.min(Math.abs(sample), loudest);
      assert.ok(low <= magnitude && magnitude <= high, `${name} of ${sample} is ${code}`);
      assert.ok(sample === 0 || ofTable(code) * sample >= 0, `${name} of ${sample} keeps its sign`);
    }
  }
});

test("encoding what was decoded gives the code back, but for mu-law's second zero", () => {
  const s16 = new Int16Array(256);
  decodeMulaw(CODES, s16);
  assert.deepEqual(
    [...encodeMulaw(s16)],
    [...CODES].map((code) => (code === 0x7f ? 0xff : code)),
  );
  decodeAlaw(CODES, s16);
  assert.deepEqual([...encodeAlaw(s16)], [...CODES]);
});

test("a decoder without room throws a RangeError and writes nothing", () => {
  for (const decode of [decodeMulaw, decodeAlaw]) {
    const s16 = new Int16Array(2).fill(77);
    assert.throws(() => decode(Uint8Array.of(1, 2, 3), s16), RangeError);
    assert.deepEqual([...s16], [77, 77]);
  }
});

test("a decoder writes as many samples as there are codes and leaves the rest alone", () => {
  const s16 = new Int16Array(3).fill(77);
  assert.equal(decodeMulaw(Uint8Array.of(0x80), s16), 1);
  assert.deepEqual([...s16], [32124, 77, 77]);
});
