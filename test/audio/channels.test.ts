import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Deinterleaver, mixDown } from "../../src/audio/channels.ts";
import { joinF32 } from "../../src/audio/join.ts";

test("each channel has its samples, whatever the split, and the rest is counted", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.nat(20), { maxLength: 20 }),
      (channels, sizes) => {
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const interleaved = Float32Array.from({ length: total }, (_, index) => index);
        const parted = new Deinterleaver(channels);
        const heard = Array.from({ length: channels }, () => [] as Float32Array[]);
        let at = 0;
        for (const size of sizes) {
          const parts = parted.push(interleaved.slice(at, at + size));
          for (const [channel, part] of parts.entries()) heard[channel]?.push(part);
          at += size;
        }
        const frames = Math.floor(total / channels);
        for (const [channel, parts] of heard.entries()) {
          const expected = Array.from({ length: frames }, (_, frame) => frame * channels + channel);
          assert.deepEqual([...joinF32(parts)], expected);
        }
        assert.equal(parted.restSamples, total - frames * channels);
        parted.forgetRest();
        assert.equal(parted.restSamples, 0);
      },
    ),
  );
});

test("channels are mixed down to their mean", () => {
  assert.deepEqual([...mixDown([Float32Array.of(1, 0), Float32Array.of(0, 0.5)])], [0.5, 0.25]);
  const alone = Float32Array.of(0.5);
  assert.equal(mixDown([alone]), alone);
});
