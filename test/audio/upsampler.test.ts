import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Upsampler } from "../../src/audio/upsampler.ts";
import { amplitudeAt, toDb, tone } from "./spectrum.ts";
import { join, splitAt } from "./split.ts";

function upsample(f32: Float32Array, sizes: number[] = [160]): Float32Array {
  const upsampler = new Upsampler();
  return join([...splitAt(f32, sizes).map((part) => upsampler.push(part)), upsampler.flush()]);
}

test("300 to 3400 Hz pass flat within 0.5 dB and their images are at least 60 dB down (50 are required)", () => {
  for (let hz = 300; hz <= 3400; hz += 50) {
    const output = upsample(tone(hz, 8000, 2000));
    const gainDb = toDb(amplitudeAt(output, hz, 16000) / 0.5);
    const imageDb = toDb(amplitudeAt(output, 8000 - hz, 16000) / 0.5);
    assert.ok(Math.abs(gainDb) < 0.01, `${hz} Hz has a gain of ${gainDb} dB`);
    assert.ok(imageDb < -60, `the image of ${hz} Hz is at ${imageDb} dB`);
  }
});

test("output sample 2n is input sample n, so nothing is delayed", () => {
  const input = tone(1234, 8000, 1000);
  const output = upsample(input);
  assert.deepEqual(
    output.filter((_, index) => index % 2 === 0),
    input,
  );
});

test("output sample 2n + 1 is the tone half way between its neighbours, within 0.1 %", () => {
  const output = upsample(tone(1000, 8000, 1000));
  const ideal = tone(1000, 16000, 2000);
  for (let index = 65; index < 1935; index += 2) {
    const error = Math.abs((output[index] as number) - (ideal[index] as number));
    assert.ok(error < 0.0005, `sample ${index} is off by ${error}`);
  }
});

test("a constant stays that constant away from the ends", () => {
  const output = upsample(new Float32Array(200).fill(0.25));
  for (const sample of output.subarray(40, 360)) assert.ok(Math.abs(sample - 0.25) < 1e-7);
});

test("twice as many samples come out as went in, bit for bit the same for any split", () => {
  fc.assert(
    fc.property(
      fc.float32Array({ maxLength: 700, min: -1, max: 1, noNaN: true }),
      fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 20 }),
      (audio, sizes) => {
        const output = upsample(audio, sizes);
        assert.equal(output.length, 2 * audio.length);
        assert.deepEqual(output, upsample(audio, [audio.length + 1]));
      },
    ),
  );
});

test("all but the last 2 ms are out before the flush", () => {
  const upsampler = new Upsampler();
  assert.equal(upsampler.push(new Float32Array(160)).length, 2 * (160 - 16));
  assert.equal(upsampler.push(new Float32Array(160)).length, 2 * 160);
  assert.equal(upsampler.flush().length, 2 * 16);
});

test("after a flush it starts anew, without a trace of what was before", () => {
  const upsampler = new Upsampler();
  upsampler.push(new Float32Array(500).fill(1));
  upsampler.flush();
  const audio = tone(700, 8000, 300);
  assert.deepEqual(join([upsampler.push(audio), upsampler.flush()]), upsample(audio));
});

test("the output is not overwritten by later pushes, and the input is copied", () => {
  const upsampler = new Upsampler();
  const input = tone(700, 8000, 160);
  const first = upsampler.push(input);
  const kept = first.slice();
  input.fill(1);
  upsampler.push(new Float32Array(160).fill(1));
  assert.deepEqual(first, kept);
  assert.deepEqual(upsample(tone(700, 8000, 160)).subarray(0, kept.length), kept);
});
