import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contextStart } from "../../src/session/context.ts";

const BOUNDS = { leastMs: 2000, mostMs: 6000 };
const FRAME_MS = 32;

/** Where the context of a window at `startMs` begins, ms, when somebody speaks in these frames. */
function contextMs(startMs: number, isSpeech: (frame: number) => boolean): number {
  return contextStart(startMs * 16, BOUNDS, isSpeech) / 16;
}

test("a window is heard from 192 ms before the speech behind the last pause that is 2 s before it", () => {
  const pauses = [60, 80, 140, 170];
  const at = contextMs(
    200 * FRAME_MS,
    (frame) => !pauses.some((pause) => frame >= pause && frame < pause + 8),
  );
  // 200 frames are 6400 ms; the pause that ends at frame 148 is only 1664 ms before.
  assert.equal(at, (88 - 6) * FRAME_MS);
});

test("a silence under 256 ms is no pause, and without one it is 6 s, or from the start of the session", () => {
  assert.equal(
    contextMs(10_000, (frame) => frame % 20 >= 7),
    4000,
  );
  assert.equal(
    contextMs(3000, () => true),
    0,
  );
});

test("silence before a window is heard for 192 ms and no more", () => {
  assert.equal(
    contextMs(200 * FRAME_MS, () => false),
    194 * FRAME_MS,
  );
  assert.equal(
    contextMs(200 * FRAME_MS, (frame) => frame < 100),
    194 * FRAME_MS,
  );
});

test("what is heard again is at most 6 s, at least 2 s where there is speech in them, and begins amid no speech if it is less than 6 s", () => {
  const frames = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(frames, fc.integer({ min: 0, max: 20_000 }), (runs, startMs) => {
      const speech = runs.flatMap((length, index) => Array<boolean>(length).fill(index % 2 === 0));
      const isSpeech = (frame: number) => speech[frame] ?? false;
      const at = contextMs(startMs, isSpeech);
      assert.ok(at >= Math.max(0, startMs - 6000) && at <= startMs);
      if (at === Math.max(0, startMs - 6000)) return;
      for (let frame = at / FRAME_MS; frame < at / FRAME_MS + 6; frame++) assert.ok(!isSpeech(frame));
      for (let frame = Math.ceil((startMs - 2000) / FRAME_MS); (frame + 1) * FRAME_MS <= at; frame++)
        assert.ok(!isSpeech(frame), "speech in the last 2 s is heard");
    }),
  );
});
