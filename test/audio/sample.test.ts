import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { f32ToS16, s16ToF32 } from "../../src/audio/sample.ts";

test("16-bit samples are divided by 32768, not 32767", () => {
  assert.deepEqual(
    [...s16ToF32(Int16Array.of(-32768, -16384, 0, 1, 32767))],
    [-1, -0.5, 0, 1 / 32768, 32767 / 32768],
  );
});

test("floats are rounded to the nearest sample and clamped; NaN is silence", () => {
  const lsb = 1 / 32768;
  const f32 = Float32Array.of(
    -1,
    1,
    2,
    -2,
    0.6 * lsb,
    -0.6 * lsb,
    0.4 * lsb,
    Number.NaN,
    Infinity,
    -Infinity,
  );
  assert.deepEqual([...f32ToS16(f32)], [-32768, 32767, 32767, -32768, 1, -1, 0, 0, 32767, -32768]);
});

test("any 16-bit audio survives the way to floats and back unchanged", () => {
  fc.assert(
    fc.property(fc.int16Array({ maxLength: 500 }), (s16) => {
      assert.deepEqual(f32ToS16(s16ToF32(s16)), s16);
    }),
  );
});
