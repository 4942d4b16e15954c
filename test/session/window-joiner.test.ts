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
  /** Whether a window that ends amid speech hears nothing behind its last pause, one after the other; never two in succession. */
  stops: readonly boolean[];
}

const JITTER_MS = 30;
const PAUSE_MS = 300;
const CONTEXT = { leastMs: 2000, mostMs: 6000 };

/** Where the sound of a window begins: in the last pause that is far enough before it. */
function contextOf(startMs: number, spoken: readonly Spoken[]): number {
  const pauses = spoken
    .map((word, index) => ({ startMs: spoken[index - 1]?.endMs ?? -PAUSE_MS, endMs: word.startMs }))
    .filter(({ startMs, endMs }) => endMs - startMs >= PAUSE_MS);
  const earliestMs = Math.max(0, startMs - CONTEXT.mostMs);
  const pause = pauses.findLast(({ endMs }) => endMs <= startMs - CONTEXT.leastMs)?.endMs ?? 0;
  return Math.max(earliestMs, pause - 100);
}

/** What windows hear of words: whole ones in every window that holds them, cut ones as they may come. */
function heard(spoken: readonly Spoken[], { chunkMs, overlapMs, jitter, cuts, stops }: Hearing): string[] {
  const joiner = new WindowJoiner();
  const lengthMs = (spoken.at(-1)?.endMs ?? 0) + 200;
  const told: string[] = [];
  let turn = 0;
  let stopped = false;
  for (let startMs = 0, index = 0; ; startMs += chunkMs - overlapMs, index++) {
    const endMs = Math.min(startMs + chunkMs, lengthMs);
    const last = endMs >= lengthMs;
    const fromMs = contextOf(startMs, spoken);
    const nextStartMs = startMs + chunkMs - overlapMs;
    const speaksOn = spoken.some((word) => word.startMs < endMs && word.endMs > nextStartMs);
    stopped = !stopped && !last && speaksOn && (stops[index % stops.length] as boolean);
    const words: HeardWord[] = [];
    for (const [index, { word, ...at }] of spoken.entries()) {
      if (at.endMs <= fromMs || at.startMs >= endMs) continue;
      // Pauses before `startMs` are not its last one: something is said in it.
      const isPause = at.startMs - (spoken[index - 1]?.endMs ?? -PAUSE_MS) >= PAUSE_MS;
      const isLastPause = spoken
        .slice(index + 1)
        .every(
          (next, after) =>
            next.startMs >= endMs || next.startMs - (spoken[index + after] as Spoken).endMs < PAUSE_MS,
        );
      if (stopped && isPause && isLastPause && at.startMs > startMs) break;
      turn += 1;
      const off = JITTER_MS * (jitter[turn % jitter.length] as number);
      const place = { startMs: Math.max(fromMs, at.startMs + off), endMs: Math.min(endMs, at.endMs + off) };
      const whole = at.startMs >= fromMs && at.endMs <= endMs;
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
    // A window in which nobody speaks is not recognised.
    const speaks = spoken.some((word) => word.endMs > startMs && word.startMs < endMs);
    const certain = joiner.join({
      endMs,
      nextStartMs: last ? null : nextStartMs,
      words: speaks ? words : null,
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
  overlapMs: fc.constantFrom(0, 250, 500),
  jitter: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
  cuts: fc.array(fc.constantFrom("nothing", "rubbish", "word"), { minLength: 1, maxLength: 20 }),
  stops: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
}) as fc.Arbitrary<Hearing>;

test("no word is lost or doubled, however windows cut them, mishear what they cut, or stop at a pause", () => {
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

test("a window goes on from the last word that was told, whatever it hears before, and knows better what was held", () => {
  const joiner = new WindowJoiner();
  const first = joiner.join({
    endMs: 3000,
    nextStartMs: 2500,
    words: [word("please", 1900, 2200), word("hold", 2300, 2600), word("alight", 2620, 3000)],
  });
  assert.equal(textOf(first), "please");
  const second = joiner.join({
    endMs: 5500,
    nextStartMs: null,
    words: [
      word("Tease", 1880, 2060),
      word("please", 2060, 2200),
      word("hold", 2290, 2600),
      word("the", 2600, 2730),
      word("line,", 2750, 3080),
      word("sir", 3100, 3400),
    ],
  });
  assert.equal(textOf(second), "hold the line, sir");
});

test("a window that stops before words that the one before it heard keeps those that were whole", () => {
  const joiner = new WindowJoiner();
  const said = [word("again.", 1900, 2300), word("The", 2450, 2600), word("pas", 2800, 3000)];
  assert.equal(textOf(joiner.join({ endMs: 3000, nextStartMs: 2500, words: said })), "again.");
  const stopped = joiner.join({ endMs: 5500, nextStartMs: null, words: [word("again.", 1910, 2300)] });
  assert.equal(textOf(stopped), "The");
});

test("a window that understood nothing leaves what the one before it heard to the next, or to the end", () => {
  for (const words of [[], null]) {
    const joiner = new WindowJoiner();
    assert.deepEqual(joiner.join({ endMs: 3000, nextStartMs: 2500, words: [word("yes", 2600, 2900)] }), []);
    assert.deepEqual(joiner.join({ endMs: 5500, nextStartMs: 5000, words: [] }), []);
    assert.equal(textOf(joiner.join({ endMs: 8000, nextStartMs: words && null, words })), "yes");
  }
});

test("what was in a window that was not recognised is not told by the next one", () => {
  const joiner = new WindowJoiner();
  joiner.join({ endMs: 3000, nextStartMs: 2500, words: null });
  const next = joiner.join({
    endMs: 5500,
    nextStartMs: 5000,
    words: [word("no", 1000, 1300), word("yes", 2600, 2900)],
  });
  assert.equal(textOf(next), "yes");
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
