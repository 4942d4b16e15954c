/**
 * The largest inferences that a card will be asked for, run before calls come: its memory is taken then, and what does not fit
 * shows at the start.
 */
import { LinescribeError, messageOf } from "../base/error.ts";
import type { BatchRules } from "./batch-rules.ts";
import { faultOf } from "./fault.ts";
import { STEPS } from "./window.ts";

/** See `Whisper.exercise`. */
export interface Exercised {
  exercise(rows: number, samples: number, beam: number): Promise<number>;
}

/**
 * Runs as many rows of each length as the rules allow, or as fit: with half as many padded samples each time that they do not.
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

/** Of every length that rows may have, as many as the budget and the rules allow; one at least. */
function largestShapes(budget: number, rules: BatchRules): { rows: number; samples: number }[] {
  return STEPS.map((samples) => ({
    rows: Math.max(1, Math.min(rules.rows, Math.floor(budget / samples))),
    samples,
  }));
}
