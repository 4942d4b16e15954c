/**
 * The noises of the bench, all of them.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Noise, synthesised } from "../../bench/sounds/noises.ts";
import { rms } from "../../bench/sounds/signals.ts";

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
