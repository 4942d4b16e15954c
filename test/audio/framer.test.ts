import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Framer } from "../../src/audio/framer.ts";
import { splitAt } from "./split.ts";

test("512-sample frames come out of 160-sample packets in order", () => {
  const framer = new Framer(512);
  const audio = Float32Array.from({ length: 1600 }, (_, index) => index);
  const frames = splitAt(audio, [160]).flatMap((part) => framer.push(part));
  assert.deepEqual(
    frames.map((frame) => [frame.length, frame[0], frame[511]]),
    [
      [512, 0, 511],
      [512, 512, 1023],
      [512, 1024, 1535],
    ],
  );
  const last = framer.flush();
  assert.equal(last?.length, 512);
  assert.deepEqual([...(last ?? []).slice(62, 66)], [1598, 1599, 0, 0]);
  assert.equal(framer.flush(), null);
});

test("any split gives the same frames, and every sample is in exactly one", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.float32Array({ maxLength: 300, noNaN: true }),
      fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 20 }),
      (frameSamples, audio, sizes) => {
        const framer = new Framer(frameSamples);
        const frames = splitAt(audio, sizes).flatMap((part) => framer.push(part));
        const last = framer.flush();
        if (last) frames.push(last);
        const whole = new Float32Array(Math.ceil(audio.length / frameSamples) * frameSamples);
        whole.set(audio);
        assert.equal(frames.length, whole.length / frameSamples);
        for (const [index, frame] of frames.entries()) {
          assert.deepEqual(frame, whole.slice(index * frameSamples, (index + 1) * frameSamples));
        }
      },
    ),
  );
});

test("each frame is its own memory, and the input is copied", () => {
  const framer = new Framer(2);
  const input = Float32Array.of(1, 2, 3, 4);
  const [first, second] = framer.push(input);
  input.fill(9);
  assert.deepEqual([...(first ?? []), ...(second ?? [])], [1, 2, 3, 4]);
  assert.notEqual(first?.buffer, second?.buffer);
  assert.equal(first?.buffer.byteLength, 8);
});

test("a frame length below 1 is refused", () => {
  for (const frameSamples of [0, -1, 1.5, Number.NaN])
    assert.throws(() => new Framer(frameSamples), RangeError);
});
