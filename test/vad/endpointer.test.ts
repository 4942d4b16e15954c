import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Endpointer, type Utterance } from "../../src/vad/endpointer.ts";
import type { EndpointerOptions } from "../../src/vad/endpointer-options.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../../src/vad/frame.ts";

const OPTIONS: EndpointerOptions = {
  onsetThreshold: 0.5,
  offsetThreshold: 0.35,
  onsetFrames: 2,
  strongOnsetThreshold: 0.8,
  minimumSpeechMs: 96,
  silenceMs: 320,
  longUtteranceMs: 2000,
  longSilenceMs: 160,
  prefixPadMs: 128,
  hangoverPadMs: 64,
  maximumUtteranceMs: 4000,
  cutSearchMs: 1600,
};

const PAD_SAMPLES = OPTIONS.prefixPadMs * 16;

function repeat(probability: number, frames: number): number[] {
  return new Array<number>(frames).fill(probability);
}

function run(probabilities: number[], options: EndpointerOptions = OPTIONS): Utterance[] {
  const endpointer = new Endpointer(options);
  return [...probabilities.flatMap((probability) => endpointer.push(probability)), ...endpointer.flush()];
}

describe("an utterance", () => {
  test("lasts from the pre-roll before its first speech frame to the tail after its last", () => {
    const endpointer = new Endpointer(OPTIONS);
    const utterances = [...repeat(0, 20), ...repeat(0.9, 10), ...repeat(0, 10)].flatMap((p) =>
      endpointer.push(p),
    );
    assert.equal(utterances.length, 1);
    const [utterance] = utterances as [Utterance];
    assert.equal(utterance.startSample, 20 * VAD_FRAME_SAMPLES - PAD_SAMPLES);
    assert.equal(utterance.endSample, 30 * VAD_FRAME_SAMPLES + 64 * 16);
    assert.equal(utterance.forced, false);
    assert.equal(utterance.speechMs, 320);
    assert.ok(Math.abs(utterance.meanProbability - 0.9) < 1e-9);
  });

  test("ends with the tenth frame of 320 ms of silence and not with the ninth", () => {
    const endpointer = new Endpointer(OPTIONS);
    for (const p of [...repeat(0.9, 10), ...repeat(0, 9)]) assert.deepEqual(endpointer.push(p), []);
    assert.equal(endpointer.speaking, true);
    assert.equal(endpointer.push(0).length, 1);
    assert.equal(endpointer.speaking, false);
  });

  test("that is longer than 2 s ends with the fifth frame of silence, one of 2 s with the tenth", () => {
    // The pre-roll of 128 ms counts: 58 frames of speech are 1984 ms, 59 are 2016 ms.
    const quiet = repeat(0, 10);
    for (const [frames, silent] of [
      [58, 10],
      [59, 5],
    ] as const) {
      const endpointer = new Endpointer(OPTIONS);
      for (const p of [...quiet, ...repeat(0.9, frames)]) assert.deepEqual(endpointer.push(p), []);
      for (let frame = 1; frame < silent; frame++) assert.deepEqual(endpointer.push(0), []);
      assert.equal(endpointer.openUtterance?.silenceMs, silent * VAD_FRAME_MS);
      assert.equal(endpointer.push(0).length, 1);
    }
  });

  test("waits for 352 ms of silence when 321 ms are asked for", () => {
    const endpointer = new Endpointer({ ...OPTIONS, silenceMs: 321 });
    for (const p of [...repeat(0.9, 10), ...repeat(0, 10)]) assert.deepEqual(endpointer.push(p), []);
    assert.equal(endpointer.push(0).length, 1);
  });

  test("starts at sample 0 when speech starts the stream", () => {
    assert.equal(run(repeat(0.9, 10))[0]?.startSample, 0);
  });

  test("goes on over a dip that stays above the offset threshold", () => {
    assert.equal(run([...repeat(0.9, 5), ...repeat(0.36, 15), ...repeat(0.9, 5)]).length, 1);
    assert.equal(run([...repeat(0.9, 5), ...repeat(0.34, 15), ...repeat(0.9, 5)]).length, 2);
  });

  test("does not let its pre-roll reach into the utterance before", () => {
    const [first, second] = run([...repeat(0.9, 10), ...repeat(0, 10), ...repeat(0.9, 10)], {
      ...OPTIONS,
      prefixPadMs: 320,
      hangoverPadMs: 320,
    }) as [Utterance, Utterance];
    assert.equal(first.endSample, 20 * VAD_FRAME_SAMPLES);
    assert.equal(second.startSample, first.endSample);
  });
});

describe("noise is dropped", () => {
  test("one middling frame is not an onset, two are, and so is one strong frame", () => {
    const rest = [...repeat(0.4, 5), ...repeat(0, 20)];
    assert.equal(run([0.6, ...rest]).length, 0);
    assert.equal(run([0.6, 0.6, ...rest]).length, 1);
    assert.equal(run([0.8, ...rest]).length, 1);
  });

  test("64 ms of speech are dropped and 96 ms are kept when the minimum is 96 ms", () => {
    assert.equal(run([...repeat(0.9, 2), ...repeat(0, 20)]).length, 0);
    assert.equal(run([...repeat(0.9, 3), ...repeat(0, 20)]).length, 1);
  });

  test("frames below the onset threshold never open an utterance", () => {
    assert.deepEqual(run(repeat(0.49, 500)), []);
  });
});

describe("speech that never pauses", () => {
  test("is cut in the middle of its longest pause, and the next utterance starts there", () => {
    const speech = [
      ...repeat(0.9, 90),
      ...repeat(0.1, 4),
      ...repeat(0.9, 10),
      ...repeat(0.1, 2),
      ...repeat(0.9, 60),
    ];
    const [first, second] = run(speech) as [Utterance, Utterance];
    assert.equal(first.forced, true);
    assert.equal(first.endSample, 92 * VAD_FRAME_SAMPLES);
    assert.equal(second.startSample, first.endSample);
    assert.equal(first.speechMs + second.speechMs, 160 * VAD_FRAME_MS);
  });

  test("is cut in its least certain frame when it has no pause at all", () => {
    const speech = [...repeat(0.9, 100), 0.5, ...repeat(0.9, 60)];
    const [first, second] = run(speech) as [Utterance, Utterance];
    assert.equal(first.endSample, 100.5 * VAD_FRAME_SAMPLES);
    assert.equal(second.startSample, first.endSample);
    assert.equal(first.speechMs + second.speechMs, 161 * VAD_FRAME_MS);
  });

  test("does not lose a last word that is shorter than the minimum", () => {
    const utterances = run([...repeat(0.9, 124), 0.2, 0.9, ...repeat(0, 40)], {
      ...OPTIONS,
      minimumSpeechMs: 320,
    });
    assert.equal(utterances.length, 2);
    assert.equal(utterances[1]?.speechMs, 32);
    assert.equal(utterances[1]?.startSample, utterances[0]?.endSample);
  });

  test("leaves no empty utterance when the cut fell into the silence after the last word", () => {
    const utterances = run([...repeat(0.9, 118), ...repeat(0, 40)], { ...OPTIONS, longSilenceMs: 320 });
    assert.equal(utterances.length, 1);
    assert.equal(utterances[0]?.forced, true);
    assert.ok((utterances[0]?.endSample ?? 0) >= 118 * VAD_FRAME_SAMPLES);
  });

  test("yields utterances of at most the maximum for an hour", () => {
    const endpointer = new Endpointer(OPTIONS);
    let end = 0;
    for (let frame = 0; frame < 112_500; frame += 1) {
      for (const utterance of endpointer.push(0.9)) {
        assert.equal(utterance.startSample, end);
        end = utterance.endSample;
        assert.ok(end - utterance.startSample <= 4000 * 16);
      }
    }
    assert.ok(112_500 * VAD_FRAME_SAMPLES - end <= 4000 * 16);
  });
});

describe("while it goes on", () => {
  test("the start of an open utterance is told once it is certain to be emitted", () => {
    const endpointer = new Endpointer(OPTIONS);
    for (const p of repeat(0, 20)) endpointer.push(p);
    assert.equal(endpointer.settledSample, 20 * VAD_FRAME_SAMPLES - PAD_SAMPLES);
    endpointer.push(0.9);
    endpointer.push(0.9);
    assert.equal(endpointer.speaking, false);
    assert.equal(endpointer.openUtterance?.startSample, undefined);
    assert.equal(endpointer.settledSample, 20 * VAD_FRAME_SAMPLES - PAD_SAMPLES);
    endpointer.push(0.9);
    assert.equal(endpointer.speaking, true);
    assert.equal(endpointer.openUtterance?.startSample, 20 * VAD_FRAME_SAMPLES - PAD_SAMPLES);
  });

  test("a flush ends the utterance where the stream ends, and the stream may go on", () => {
    const endpointer = new Endpointer(OPTIONS);
    for (const p of repeat(0.9, 10)) endpointer.push(p);
    assert.deepEqual(
      endpointer.flush().map(({ endSample }) => endSample),
      [10 * VAD_FRAME_SAMPLES],
    );
    assert.deepEqual(endpointer.flush(), []);
    for (const p of repeat(0.9, 10)) endpointer.push(p);
    assert.deepEqual(
      endpointer.flush().map(({ startSample, endSample }) => [startSample, endSample]),
      [[10 * VAD_FRAME_SAMPLES, 20 * VAD_FRAME_SAMPLES]],
    );
  });

  test("what is not a probability is refused", () => {
    for (const wrong of [-0.1, 1.1, Number.NaN]) {
      assert.throws(() => new Endpointer(OPTIONS).push(wrong), RangeError);
    }
  });
});

describe("options out of range are refused by name", () => {
  const wrong: [Partial<EndpointerOptions>, string][] = [
    [{ onsetThreshold: 0 }, "onsetThreshold"],
    [{ onsetThreshold: 1.1 }, "onsetThreshold"],
    [{ offsetThreshold: 0.6 }, "offsetThreshold"],
    [{ offsetThreshold: 0 }, "offsetThreshold"],
    [{ onsetFrames: 0 }, "onsetFrames"],
    [{ onsetFrames: 1.5 }, "onsetFrames"],
    [{ strongOnsetThreshold: 0.4 }, "strongOnsetThreshold"],
    [{ minimumSpeechMs: -1 }, "minimumSpeechMs"],
    [{ silenceMs: 0 }, "silenceMs"],
    [{ longUtteranceMs: -1 }, "longUtteranceMs"],
    [{ longSilenceMs: 31 }, "longSilenceMs"],
    [{ prefixPadMs: -1 }, "prefixPadMs"],
    [{ hangoverPadMs: 321 }, "hangoverPadMs"],
    [{ maximumUtteranceMs: 30_001 }, "maximumUtteranceMs"],
    [{ cutSearchMs: 2001 }, "cutSearchMs"],
    [{ silenceMs: 3000 }, "maximumUtteranceMs"],
  ];
  for (const [change, name] of wrong) {
    test(JSON.stringify(change), () => {
      assert.throws(() => new Endpointer({ ...OPTIONS, ...change }), {
        name: "RangeError",
        message: new RegExp(`"${name}"`),
      });
    });
  }
});

/** Runs of like probabilities, as speech has them, and single outliers between. */
const probabilities = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom(0, 0.2, 0.35, 0.5, 0.79, 0.8, 1), fc.double({ min: 0, max: 1, noNaN: true })),
      fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 150 })),
    ),
    { maxLength: 40 },
  )
  .map((runs) => runs.flatMap(([probability, frames]) => repeat(probability, frames)));

const options = fc
  .record({
    onsetThreshold: fc.constantFrom(0.3, 0.5, 0.8),
    offset: fc.constantFrom(0.4, 0.7, 1),
    onsetFrames: fc.integer({ min: 1, max: 4 }),
    strongOnsetThreshold: fc.constantFrom(0.8, 1),
    minimumSpeechMs: fc.integer({ min: 0, max: 500 }),
    silenceMs: fc.integer({ min: 32, max: 700 }),
    longUtteranceMs: fc.integer({ min: 0, max: 5000 }),
    longSilenceMs: fc.integer({ min: 32, max: 700 }),
    prefixPadMs: fc.integer({ min: 0, max: 500 }),
    tail: fc.double({ min: 0, max: 1, noNaN: true }),
    maximumUtteranceMs: fc.integer({ min: 1700, max: 5000 }),
    cutSearchMs: fc.integer({ min: 32, max: 850 }),
  })
  .map(({ offset, tail, ...rest }) => ({
    ...rest,
    offsetThreshold: rest.onsetThreshold * offset,
    hangoverPadMs: Math.floor(rest.silenceMs * tail),
  }));

/** Whether the frame lies in one utterance, or in two that touch. */
function covered(frame: number, utterances: Utterance[]): boolean {
  let at = frame * VAD_FRAME_SAMPLES;
  for (const { startSample, endSample } of utterances) {
    if (startSample <= at && at < endSample) at = endSample;
  }
  return at >= (frame + 1) * VAD_FRAME_SAMPLES;
}

describe("for any probabilities, options and flushes", () => {
  const inputs = [
    probabilities,
    options,
    fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 5 }),
  ] as const;
  const check = (verify: (given: number[], set: EndpointerOptions, flushes: Set<number>) => void): void => {
    fc.assert(
      fc.property(...inputs, (given, set, gaps) => {
        let at = 0;
        const flushes = new Set(gaps.map((gap) => (at += gap)));
        verify(given, set, flushes);
      }),
      { numRuns: 400 },
    );
  };

  test("utterances are in order, never overlap, respect the maximum and lie in the stream", () => {
    check((given, set, flushes) => {
      const endpointer = new Endpointer(set);
      let end = 0;
      const accept = (utterances: Utterance[], frames: number): void => {
        for (const utterance of utterances) {
          assert.ok(utterance.startSample >= end, "in order and apart");
          assert.ok(utterance.endSample > utterance.startSample, "not empty");
          assert.ok(
            utterance.endSample - utterance.startSample <= set.maximumUtteranceMs * 16,
            "not too long",
          );
          assert.ok(utterance.endSample <= frames * VAD_FRAME_SAMPLES, "nothing of the future");
          assert.ok(utterance.meanProbability > 0 && utterance.meanProbability <= 1);
          assert.ok(utterance.speechMs >= VAD_FRAME_MS);
          assert.ok(
            utterance.speechMs * 16 <= utterance.endSample - utterance.startSample + VAD_FRAME_SAMPLES,
          );
          end = utterance.endSample;
        }
      };
      given.forEach((probability, frame) => {
        accept(endpointer.push(probability), frame + 1);
        if (flushes.has(frame)) accept(endpointer.flush(), frame + 1);
      });
      accept(endpointer.flush(), given.length);
    });
  });

  test("every frame that counts as speech is covered, but for bursts that the rules call noise", () => {
    check((given, set) => {
      const utterances = run(given, set);
      // What a short silence may part has to stand each on its own.
      const silenceFrames = Math.ceil(Math.min(set.silenceMs, set.longSilenceMs) / VAD_FRAME_MS);
      for (const burst of bursts(given, set, silenceFrames)) {
        const strong = burst.frames.some((frame) => (given[frame] as number) >= set.strongOnsetThreshold);
        const speechMs = burst.frames.length * VAD_FRAME_MS;
        if (burst.longestOnset < set.onsetFrames && !strong) continue;
        if (speechMs < set.minimumSpeechMs) continue;
        // Noise that goes on for a whole maximum is cut too; only the part that is speech is owed.
        if ((burst.last - burst.first + 1) * VAD_FRAME_MS + set.prefixPadMs > set.maximumUtteranceMs - 64)
          continue;
        for (const frame of burst.frames) assert.ok(covered(frame, utterances), `frame ${frame}`);
      }
    });
  });

  test("speech without a pause is covered to the last frame, however long", () => {
    fc.assert(
      fc.property(
        options,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 800 }),
        (set, noise) => {
          const floor = set.strongOnsetThreshold;
          const given = noise.map((value) => floor + (1 - floor) * value);
          const utterances = run(given, set);
          given.forEach((_, frame) => {
            assert.ok(covered(frame, utterances), `frame ${frame}`);
          });
          utterances.slice(1).forEach(({ startSample }, index) => {
            assert.equal(startSample, utterances[index]?.endSample, "neither lost nor doubled");
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  test("the settled sample never falls, and nothing starts before it", () => {
    check((given, set, flushes) => {
      const endpointer = new Endpointer(set);
      let settled = 0;
      const accept = (utterances: Utterance[]): void => {
        for (const { startSample } of utterances) assert.ok(startSample >= settled);
        assert.ok(endpointer.settledSample >= settled);
        settled = endpointer.settledSample;
        const open = endpointer.openUtterance?.startSample ?? null;
        assert.equal(open !== null, endpointer.speaking);
        if (open !== null) assert.equal(open, settled);
      };
      given.forEach((probability, frame) => {
        const speaking = endpointer.speaking;
        const utterances = endpointer.push(probability);
        if (speaking && !endpointer.speaking) assert.ok(utterances.length > 0, "what is open is emitted");
        accept(utterances);
        if (flushes.has(frame)) {
          const owed = endpointer.speaking ? 1 : 0;
          const flushed = endpointer.flush();
          assert.equal(flushed.length, owed);
          accept(flushed);
        }
      });
    });
  });

  test("more silence after the end changes nothing", () => {
    check((given, set) => {
      const silence = repeat(0, 400);
      assert.deepEqual(run([...given, ...silence], set), run([...given, ...silence, ...silence], set));
    });
  });
});

interface Burst {
  first: number;
  last: number;
  /** Frames that count as speech. */
  frames: number[];
  longestOnset: number;
}

/** The naive view: from an onset frame, all speech frames that follow each other by less than the silence. */
function bursts(given: number[], set: EndpointerOptions, silenceFrames: number): Burst[] {
  const found: Burst[] = [];
  let burst: Burst | null = null;
  let onsetRun = 0;
  given.forEach((probability, frame) => {
    if (burst !== null && frame - burst.last >= silenceFrames) burst = null;
    onsetRun = probability >= set.onsetThreshold ? onsetRun + 1 : 0;
    if (burst === null && onsetRun > 0) {
      burst = { first: frame, last: frame, frames: [], longestOnset: 0 };
      onsetRun = 1;
      found.push(burst);
    }
    if (burst === null || probability < set.offsetThreshold) return;
    burst.last = frame;
    burst.frames.push(frame);
    burst.longestOnset = Math.max(burst.longestOnset, onsetRun);
  });
  return found;
}
