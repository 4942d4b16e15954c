import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Attention } from "../../src/asr/alignment.ts";
import { speechIslands } from "../../src/asr/speech-islands.ts";
import { timeWords } from "../../src/asr/timing.ts";

const POSITION_MS = 20;
/** What the decoder looks ahead, in the utterances made here as in speech. */
const LOOKAHEAD_MS = 40;

interface Said {
  startMs: number;
  endMs: number;
}

/** A tone while something is said and faint noise elsewhere. 16 kHz */
function soundOf(said: readonly Said[], durationMs: number): Float32Array {
  const pcm = new Float32Array(durationMs * 16).map((_, at) => 1e-4 * Math.sin(at * at));
  for (const { startMs, endMs } of said) {
    for (let at = startMs * 16; at < endMs * 16; at++) pcm[at] = 0.3 * Math.sin(at * 0.3);
  }
  return pcm;
}

/** Heads that look at each word from a little before it to a little before the next. */
function attentionOf(said: readonly Said[], durationMs: number): Attention {
  const [heads, rows, width] = [2, said.length + 1, Math.ceil(durationMs / POSITION_MS) + 30];
  const weights = new Float32Array(heads * rows * width);
  const starts = said.map(({ startMs }) => Math.max(0, startMs - LOOKAHEAD_MS) / POSITION_MS);
  const last = ((said.at(-1) as Said).endMs - LOOKAHEAD_MS) / POSITION_MS;
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < rows; row++) {
      const [from, to] = [row === 0 ? 0 : (starts[row] ?? last), starts[row + 1] ?? last];
      const end = row === rows - 1 ? width : to;
      weights.fill(
        1,
        (head * rows + row) * width + Math.round(from),
        (head * rows + row) * width + Math.round(end),
      );
    }
  }
  return { weights, heads, rows, width };
}

const oneTokenEach = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ text: `w${index}`, first: index, end: index + 1 }));
const logprobs = (tokens: number) => new Float32Array(tokens).fill(-0.1);

/** Words of 160 to 800 ms with pauses of 0 or 200 to 1000 ms between them, in steps of 20 ms. */
const utterances = fc
  .array(
    fc.record({
      pause: fc.oneof(fc.constant(0), fc.integer({ min: 10, max: 50 })),
      length: fc.integer({ min: 8, max: 40 }),
    }),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((words) => {
    const said: Said[] = [];
    for (const { pause, length } of words) {
      const startMs = (said.at(-1)?.endMs ?? 300) + pause * POSITION_MS;
      said.push({ startMs, endMs: startMs + length * POSITION_MS });
    }
    return { said, durationMs: (said.at(-1) as Said).endMs + 300 };
  });

test("words are found to 20 ms, and pauses belong to none of them", () => {
  fc.assert(
    fc.property(utterances, ({ said, durationMs }) => {
      const attention = attentionOf(said, durationMs);
      const pcm16k = soundOf(said, durationMs);
      const words = timeWords(oneTokenEach(said.length), {
        attention,
        logprobs: logprobs(said.length + 1),
        pcm16k,
      });
      for (const [index, { startMs, endMs }] of said.entries()) {
        const word = words[index];
        assert.equal(word?.word, `w${index}`);
        const told = `${JSON.stringify(words)} for ${JSON.stringify(said)}`;
        assert.ok(Math.abs((word?.startMs ?? -1) - startMs) <= 20, told);
        assert.ok(Math.abs((word?.endMs ?? -1) - endMs) <= 20, told);
      }
    }),
  );
});

test("a boundary that the heads place up to 200 ms beside a pause is the pause", () => {
  const said = [
    { startMs: 300, endMs: 900 },
    { startMs: 1300, endMs: 2000 },
  ];
  for (const beside of [-160, -80, 0, 200, 400, 480, 560]) {
    const looked = [said[0] as Said, { startMs: 900 + beside, endMs: 2000 }];
    const heard = {
      attention: attentionOf(looked, 2300),
      logprobs: logprobs(3),
      pcm16k: soundOf(said, 2300),
    };
    const times = timeWords(oneTokenEach(2), heard).map(({ startMs, endMs }) => ({ startMs, endMs }));
    assert.deepEqual(times, said, String(beside));
  }
});

test("whatever the heads look at, words rise, are whole milliseconds and lie within the utterance", () => {
  const noise = fc.infiniteStream(fc.oneof(fc.double(), fc.constantFrom(0, 1)));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1600, max: 40_000 }),
      noise,
      (count, samples, values) => {
        const next = () => values.next().value as number;
        const width = Math.ceil(samples / 320) + 3;
        const weights = new Float32Array(2 * (count + 1) * width).map(next);
        const pcm16k = new Float32Array(samples).map((_, at) => (at % 1600 === 0 ? 0.5 : 0));
        const attention = { weights, heads: 2, rows: count + 1, width };
        const words = timeWords(oneTokenEach(count), { attention, logprobs: logprobs(count + 1), pcm16k });
        let before = 0;
        for (const { startMs, endMs, confidence } of words) {
          assert.ok(Number.isInteger(startMs) && Number.isInteger(endMs));
          assert.ok(before <= startMs && startMs <= endMs && endMs <= samples / 16, JSON.stringify(words));
          assert.ok(confidence >= 0 && confidence <= 1);
          before = endMs;
        }
        assert.equal(words.length, count);
      },
    ),
    { numRuns: 50 },
  );
});

test("a search that was cut off before its end has a last word that lasts to the end of the sound", () => {
  const said = [{ startMs: 300, endMs: 900 }];
  const attention = { ...attentionOf(said, 1200), rows: 1 };
  const [word] = timeWords(oneTokenEach(1), {
    attention,
    logprobs: logprobs(1),
    pcm16k: soundOf(said, 1200),
  });
  assert.deepEqual([word?.startMs, word?.endMs], [300, 900]);
});

test("sound has islands where it is loud, whatever its offset and level", () => {
  const said = [
    { startMs: 200, endMs: 500 },
    { startMs: 560, endMs: 800 },
    { startMs: 1000, endMs: 1300 },
  ];
  for (const [gain, offset] of [
    [1, 0],
    [0.01, 0],
    [1, 0.5],
  ] as const) {
    const pcm = soundOf(said, 1500).map((sample) => gain * sample + offset);
    assert.deepEqual(speechIslands(pcm), [
      { start: 20, end: 80 },
      { start: 100, end: 130 },
    ]);
  }
  assert.deepEqual(speechIslands(new Float32Array(100)), []);
  // Nothing is louder than the rest: all of it counts, unless it is silence.
  const hum = new Float32Array(1600).map((_, at) => 1e-3 * Math.sin(at));
  assert.deepEqual(speechIslands(hum), [{ start: 0, end: 10 }]);
  for (const value of [0, 1, -0.5, 1e-30]) assert.deepEqual(speechIslands(hum.fill(value)), []);
});
