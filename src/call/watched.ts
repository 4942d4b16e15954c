/**
 * A recogniser that makes partials only while somebody wants to see them: they cost as much as finals.
 */
import type { TextRecogniser } from "./ports.ts";

/** @param watched - Asked before each partial. */
export function whileWatched(recogniser: TextRecogniser, watched: () => boolean): TextRecogniser {
  return {
    submit: (request) => recogniser.submit(request),
    get partialIntervalMs() {
      return watched() ? recogniser.partialIntervalMs : null;
    },
    headStartMs: (audioMs) => recogniser.headStartMs(audioMs),
  };
}
