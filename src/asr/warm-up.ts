/**
 * The largest inferences that a card will be asked for, run before calls come: its memory is taken then, and what does not fit
 * shows at the start.
 */
import { LinescribeError, messageOf } from "../base/error.ts";
import { type BatchRules, widthOf } from "./batch-rules.ts";
import { faultOf } from "./fault.ts";
import { MAXIMUM_WINDOW_SAMPLES, MINIMUM_WINDOW_SAMPLES } from "./window.ts";

/** See `Whisper.exercise`. */
export interface Exercised {
  exercise(rows: number, samples: number, beam: number): Promise<number>;
}

/**
 * Runs the most rows and the longest rows that the rules allow, with as much of both as fits.
 *
 * @returns Samples of one inference, padding included, that fit.
 * @throws {LinescribeError} `ASR_OUT_OF_MEMORY` when not even one row of 30 s fits.
 */
export async function warmUp(engine: Exercised, rules: BatchRules, beam: number): Promise<number> {
  let budget = rules.paddedSamples;
  for (;;) {
    const shapes = largestShapes(budget, rules);
    try {
      for (const { rows, samples } of shapes) await engine.exercise(rows, samples, beam);
      return budget;
    } catch (error) {
      if (faultOf(messageOf(error)) !== "memory") throw error;
      if (shapes.every(({ rows }) => rows === 1)) {
        const message = `There is no memory for an utterance of 30 s: ${messageOf(error)}. Free some, or take a smaller model`;
        throw new LinescribeError("ASR_OUT_OF_MEMORY", message, { cause: error });
      }
      budget = Math.floor(budget / 2);
    }
  }
}

/** The most rows, as long as the budget allows, and rows of 30 s, as many as it allows; one at least. */
function largestShapes(budget: number, rules: BatchRules): { rows: number; samples: number }[] {
  const most = Math.max(1, Math.min(rules.rows, Math.floor(budget / MINIMUM_WINDOW_SAMPLES)));
  let samples = Math.min(MAXIMUM_WINDOW_SAMPLES, Math.floor(budget / most));
  // The step below, where the one above would be too much.
  while (most > 1 && widthOf(samples, rules) * most > budget && samples > MINIMUM_WINDOW_SAMPLES) {
    samples = Math.max(MINIMUM_WINDOW_SAMPLES, Math.floor(samples * 0.8));
  }
  const long = Math.max(1, Math.min(rules.rows, Math.floor(budget / MAXIMUM_WINDOW_SAMPLES)));
  return [
    { rows: most, samples: widthOf(samples, rules) },
    { rows: long, samples: MAXIMUM_WINDOW_SAMPLES },
  ];
}
