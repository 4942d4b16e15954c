import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Clip, clipOf, speechFrames } from "../../bench/corpus.ts";
import { join, stringUtterances, withoutPauses } from "../../bench/recordings/utterances.ts";
import { concat, rms, silence, tones } from "../../bench/sounds/signals.ts";

/** A clip that speaks and pauses for so many hundredths of a second in turns. */
function clipOfTurns(turns: readonly number[], id = "clip"): Clip {
  const pieces = turns.map((hundredths, index) =>
    index % 2 === 0 ? tones([300], hundredths / 100, -20) : silence(hundredths / 100),
  );
  return clipOf({ id, speaker: "nobody", text: id }, concat(pieces));
}

function longestPauseMs({ pcm8k }: Clip): number {
  const frames = speechFrames(pcm8k);
  return Math.max(0, ...frames.slice(1).map((frame, index) => (frame - (frames[index] as number) - 1) * 10));
}

const turns = fc.array(fc.integer({ min: 5, max: 200 }), { minLength: 1, maxLength: 9 });

test("no pause of more than 280 ms is left, and nothing that is said is lost", () => {
  fc.assert(
    fc.property(turns, (durations) => {
      const clip = clipOfTurns(durations);
      const dense = withoutPauses(clip);
      assert.ok(longestPauseMs(dense) <= 280, `${longestPauseMs(dense)} ms`);
      assert.equal(speechFrames(dense.pcm8k).length, speechFrames(clip.pcm8k).length);
      assert.ok(dense.seconds <= clip.seconds);
    }),
  );
});

test("joined clips have less than 300 ms between them", () => {
  const joined = join(
    [clipOfTurns([100, 80, 100]), clipOfTurns([60, 300, 20, 50])].map((clip) => withoutPauses(clip)),
  );
  assert.ok(longestPauseMs(joined) <= 300, `${longestPauseMs(joined)} ms`);
  assert.equal(joined.text, "clip clip");
});

test("utterances are 5 to 15 s of neighbouring clips, each used once at most", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 20, max: 1800 }), { maxLength: 40 }), (lengths) => {
      const clips = lengths.map((length, index) => clipOfTurns([length], String(index)));
      const utterances = stringUtterances(clips);
      const used = utterances.flatMap(({ text }) => text.split(" ").map(Number));
      for (const { seconds } of utterances) assert.ok(seconds >= 5 && seconds <= 15, `${seconds} s`);
      for (const [index, clip] of used.entries())
        assert.ok(index === 0 || clip > (used[index - 1] as number));
    }),
    { numRuns: 20 },
  );
});

test("joining keeps samples as they are", () => {
  const clip = clipOfTurns([100]);
  const joined = join([clip, clip]);
  assert.equal(rms(joined.pcm8k.subarray(0, clip.pcm8k.length)), rms(clip.pcm8k));
  assert.equal(joined.pcm8k.length, 2 * clip.pcm8k.length + 0.15 * 8000);
});
