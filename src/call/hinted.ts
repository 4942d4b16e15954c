/**
 * A recogniser that is told of hints with every utterance.
 */
import type { TextRecogniser } from "./ports.ts";

/** @param hints - Asked for each utterance: they may change. */
export function withHints(recogniser: TextRecogniser, hints: () => readonly string[]): TextRecogniser {
  return {
    submit: (request) => recogniser.submit({ ...request, hints: hints() }),
    get partialIntervalMs() {
      return recogniser.partialIntervalMs;
    },
    headStartMs: (audioMs) => recogniser.headStartMs(audioMs),
  };
}
