import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PolyphaseFilter } from "../../src/audio/polyphase.ts";
import { createRateConverter, STREAM_RATES_HZ } from "../../src/audio/rate-converter.ts";
import { join, splitAt } from "./split.ts";

function tone(hz: number, rateHz: number, samples = rateHz): Float32Array {
  return Float32Array.from({ length: samples }, (_, index) => Math.sin((2 * Math.PI * hz * index) / rateHz));
}

function converted(f32: Float32Array, fromHz: (typeof STREAM_RATES_HZ)[number], sizes = [f32.length]) {
  const converter = createRateConverter(fromHz);
  const parts = splitAt(f32, sizes).map((part) => converter.push(part).slice());
  return join([...parts, converter.flush()]);
}

/** Level of a tone after conversion, against the same without, dB; the second half of a second. */
function levelDb(hz: number, fromHz: (typeof STREAM_RATES_HZ)[number]): number {
  const middle = converted(tone(hz, fromHz), fromHz).subarray(4000, 12_000);
  const power = middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length;
  return 10 * Math.log10(2 * power);
}

test("any split gives the same samples, and as much time comes out as went in", () => {
  const noise = Float32Array.from({ length: 9000 }, (_, index) => Math.sin(index * index));
  for (const fromHz of STREAM_RATES_HZ) {
    const whole = converted(noise, fromHz);
    assert.equal(whole.length, Math.round((noise.length * 16_000) / fromHz), `${fromHz}`);
    fc.assert(
      fc.property(fc.array(fc.nat(4000), { minLength: 1, maxLength: 8 }), (sizes) => {
        assert.deepEqual(converted(noise, fromHz, sizes), whole);
      }),
      { numRuns: 30 },
    );
  }
  fc.assert(
    fc.property(fc.nat(500), fc.constantFrom(...STREAM_RATES_HZ), (length, fromHz) => {
      const samples = converted(new Float32Array(length).fill(1), fromHz);
      assert.equal(samples.length, Math.round((length * 16_000) / fromHz));
    }),
  );
});

test("speech comes through as it was, and nothing is mirrored into it", () => {
  for (const fromHz of [24_000, 44_100, 48_000] as const) {
    for (const hz of [60, 300, 1000, 3400, 6000, 7000]) {
      assert.ok(Math.abs(levelDb(hz, fromHz)) < 0.01, `${hz} Hz from ${fromHz}: ${levelDb(hz, fromHz)} dB`);
    }
    for (const hz of [8200, 9000, 11_000]) {
      assert.ok(levelDb(hz, fromHz) < -65, `${hz} Hz from ${fromHz}: ${levelDb(hz, fromHz)} dB`);
    }
  }
});

test("samples stay where they were in time", () => {
  for (const fromHz of STREAM_RATES_HZ) {
    const samples = converted(tone(1000, fromHz), fromHz);
    const expected = tone(1000, 16_000);
    for (let index = 200; index < 15_800; index++) {
      const off = Math.abs((samples[index] as number) - (expected[index] as number));
      assert.ok(off < 1e-3, `${fromHz}, sample ${index}: off by ${off}`);
    }
  }
});

test("after a flush it starts anew", () => {
  const filter = new PolyphaseFilter(44_100, 16_000);
  const once = () => join([filter.push(tone(440, 44_100, 5000)), filter.flush()]);
  assert.deepEqual(once(), once());
});
