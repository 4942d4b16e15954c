import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KeptAudio } from "../../src/browser/kept-audio.js";
import { spoken } from "./fake-server.ts";

/** Adds blocks of these lengths with the samples that `spoken` gives. */
function kept(maximumSamples: number, lengths: number[]): KeptAudio {
  const audio = new KeptAudio(maximumSamples);
  for (const length of lengths) audio.add(Int16Array.from(spoken(audio.end, audio.end + length)));
  return audio;
}

test("whatever the blocks, every position has its sample, or silence once it is dropped", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 40 });
  fc.assert(
    fc.property(
      lengths,
      fc.integer({ min: 1, max: 300 }),
      fc.nat(),
      fc.integer({ min: 1, max: 400 }),
      (blocks, maximum, at, length) => {
        const audio = kept(maximum, blocks);
        const total = blocks.reduce((sum, block) => sum + block, 0);
        assert.equal(audio.end, total);
        const position = total === 0 ? 0 : at % (total + 1);
        const { samples, dropped } = audio.read(position, length);
        const expected = spoken(position, Math.min(total, position + length));
        assert.deepEqual([...samples.subarray(dropped)], expected.slice(dropped));
        assert.ok(samples.subarray(0, dropped).every((sample) => sample === 0));
        assert.equal(dropped, Math.max(0, Math.min(expected.length, audio.start - position)));
        assert.ok(total - audio.start >= Math.min(total, maximum), "at least the newest are kept");
        assert.ok(total - audio.start < maximum + 50, "and a block more at most");
      },
    ),
  );
});
