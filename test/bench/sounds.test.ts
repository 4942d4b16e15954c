import assert from "node:assert/strict";
import { test } from "node:test";
import { type Noise, synthesised } from "../../bench/sounds/noises.ts";
import { amplitude, atLevel, fill, mix, rms, tones, whiteNoise } from "../../bench/sounds/signals.ts";
import { amplitudeAt } from "../audio/spectrum.ts";

const NOISES = synthesised();

test("at least 20 minutes of kinds of their own, within full scale, the same every time", () => {
  const seconds = NOISES.reduce((sum, { pcm8k }) => sum + pcm8k.length / 8000, 0);
  assert.ok(seconds >= 20 * 60, `${seconds} s`);
  assert.equal(new Set(NOISES.map(({ kind }) => kind)).size, NOISES.length);
  const again = synthesised();
  for (const [index, { kind, pcm8k }] of NOISES.entries()) {
    assert.ok(
      pcm8k.every((sample) => Math.abs(sample) <= 1),
      kind,
    );
    assert.ok(Buffer.from(pcm8k.buffer).equals(Buffer.from((again[index] as Noise).pcm8k.buffer)), kind);
  }
});

test("everything but silence is heard", () => {
  for (const { kind, pcm8k } of NOISES) {
    assert.equal(rms(pcm8k) > 0.0005, kind !== "silence", `${kind} ${rms(pcm8k)}`);
  }
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
