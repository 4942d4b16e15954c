import assert from "node:assert/strict";
import { test } from "node:test";
import { amplitude, atLevel, fill, mix, rms, tones, whiteNoise } from "../../bench/sounds/signals.ts";
import { amplitudeAt } from "../audio/spectrum.ts";

test("noise is the same every time that it has the same seed, and another with another", () => {
  assert.deepEqual(whiteNoise(1, -40, 7), whiteNoise(1, -40, 7));
  assert.notDeepEqual(whiteNoise(1, -40, 7), whiteNoise(1, -40, 8));
});

test("tones have the frequencies and the level that they were asked for", () => {
  const dial = tones([350, 440], 1, -19);
  assert.ok(Math.abs(amplitudeAt(dial, 350, 8000) / amplitude(-19) - 1) < 0.02);
  assert.ok(Math.abs(amplitudeAt(dial, 440, 8000) / amplitude(-19) - 1) < 0.02);
  assert.ok(amplitudeAt(dial, 600, 8000) < 0.001);
});

test("levels are those of the whole, in dB of full scale", () => {
  assert.ok(Math.abs(20 * Math.log10(rms(whiteNoise(5, -40, 1))) + 40) < 0.2);
  assert.ok(Math.abs(20 * Math.log10(rms(atLevel(tones([1000], 1, -3), -26))) + 26) < 0.01);
});

test("mixing and filling keep every sample of what they are given", () => {
  const [a, b] = [Float32Array.of(0.5, 0.25), Float32Array.of(0.25)];
  assert.deepEqual(mix(a, b), Float32Array.of(0.75, 0.25));
  assert.deepEqual(
    fill(5 / 8000, (index) => Float32Array.of(index, index)),
    Float32Array.of(0, 0, 1, 1, 2),
  );
});
