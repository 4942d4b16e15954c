import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HeardWord } from "../../src/session/overlap.ts";
import { textOf, WindowJoiner, wordsOfWindow } from "../../src/session/window-joiner.ts";

type Spoken = Pick<HeardWord, "word" | "startMs" | "endMs">;

interface Hearing {
  chunkMs: number;
  overlapMs: number;
  /** Between -1 and 1, one after the other: how far off times are heard. */
  jitter: readonly number[];
  /** What a window makes of a word that its edge cuts, one after the other. */
  cuts: readonly ("nothing" | "rubbish" | "word")[];
}

const JITTER_MS = 30;

/** What windows hear of words: whole ones in every window that holds them, cut ones as they may come. */
function heard(spoken: readonly Spoken[], { chunkMs, overlapMs, jitter, cuts }: Hearing): string[] {
  const joiner = new WindowJoiner();
  const lengthMs = (spoken.at(-1)?.endMs ?? 0) + 200;
  const told: string[] = [];
  let turn = 0;
  for (let startMs = 0; ; startMs += chunkMs - overlapMs) {
    const endMs = Math.min(startMs + chunkMs, lengthMs);
    const words: HeardWord[] = [];
    for (const { word, ...at } of spoken) {
      if (at.endMs <= startMs || at.startMs >= endMs) continue;
      turn += 1;
      const off = JITTER_MS * (jitter[turn % jitter.length] as number);
      const place = { startMs: Math.max(startMs, at.startMs + off), endMs: Math.min(endMs, at.endMs + off) };
      const whole = at.startMs >= startMs && at.endMs <= endMs;
      const cut = whole ? "word" : (cuts[turn % cuts.length] as string);
      // Half of a word may be enough to guess it; less is not.
      const guessed = place.endMs - place.startMs > (at.endMs - at.startMs) / 2;
      if (cut === "nothing" || place.endMs <= place.startMs) continue;
      words.push({
        word: whole || (cut === "word" && guessed) ? word : "hm",
        glue: " ",
        ...place,
        confidence: 1,
      });
    }
    const last = endMs >= lengthMs;
    const certain = joiner.join({
      startMs,
      endMs,
      nextStartMs: last ? null : startMs + chunkMs - overlapMs,
      words,
    });
    told.push(...certain.map(({ word }) => word));
    if (last) return told;
  }
}

const spokenWords = fc
  .array(
    fc.record({
      word: fc.constantFrom("no", "yes", "seven", "the", "a"),
      lengthMs: fc.integer({ min: 130, max: 380 }),
      gapMs: fc.constantFrom(0, 0, 0, 40, 300, 2500),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((words) => {
    let atMs = 0;
    return words.map(({ word, lengthMs, gapMs }): Spoken => {
      const startMs = atMs + gapMs;
      atMs = startMs + lengthMs;
      return { word, startMs, endMs: atMs };
    });
  });

const hearing = fc.record({
  chunkMs: fc.constantFrom(1000, 1700, 3000, 5000),
  overlapMs: fc.constantFrom(500),
  jitter: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
  cuts: fc.array(fc.constantFrom("nothing", "rubbish", "word"), { minLength: 1, maxLength: 20 }),
}) as fc.Arbitrary<Hearing>;

test("no word is lost or doubled, however windows cut them, hear them twice or mishear what they cut", () => {
  fc.assert(
    fc.property(spokenWords, hearing, (spoken, how) => {
      assert.deepEqual(
        heard(spoken, how),
        spoken.map(({ word }) => word),
      );
    }),
    { numRuns: 3000 },
  );
});

const word = (text: string, startMs: number, endMs: number): HeardWord => ({
  word: text,
  glue: " ",
  startMs,
  endMs,
  confidence: 1,
});

test("the windows change over at a word on which they agree, whatever else they disagree on", () => {
  const joiner = new WindowJoiner();
  const first = joiner.join({
    startMs: 0,
    endMs: 3000,
    nextStartMs: 2500,
    words: [
      word("please", 1900, 2200),
      word("hold", 2300, 2600),
      word("the", 2620, 2740),
      word("lie", 2760, 3000),
    ],
  });
  assert.equal(textOf(first), "please");
  const second = joiner.join({
    startMs: 2500,
    endMs: 5500,
    nextStartMs: null,
    words: [
      word("old", 2500, 2590),
      word("The", 2600, 2730),
      word("line,", 2750, 3080),
      word("sir", 3100, 3400),
    ],
  });
  assert.match(textOf(second), /^hold (the|The) line, sir$/);
});

test("a window that heard nothing keeps what the one before it heard", () => {
  const joiner = new WindowJoiner();
  assert.deepEqual(
    joiner.join({ startMs: 0, endMs: 3000, nextStartMs: 2500, words: [word("yes", 2600, 2900)] }),
    [],
  );
  const certain = joiner.join({ startMs: 2500, endMs: 5500, nextStartMs: 5000, words: [] });
  assert.equal(textOf(certain), "yes");
});

test("words are joined as their text joined them, with spaces or without", () => {
  const place = { startMs: 0, endMs: 100, confidence: 1 };
  const words = (text: string, ...parts: string[]) =>
    wordsOfWindow({ text, words: parts.map((part) => ({ word: part, ...place })) }, 1000, 4000);
  const english = [...words("Hold the line.", "Hold", "the", "line."), ...words("Please.", "Please.")];
  assert.equal(textOf(english), "Hold the line. Please.");
  const japanese = [...words("もしもし", "もし", "もし"), ...words("田中です", "田中", "です")];
  assert.equal(textOf(japanese), "もしもし田中です");
  assert.deepEqual([english[0]?.startMs, english[0]?.endMs], [1000, 1100]);
});
