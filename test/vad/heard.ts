/**
 * A stream of a detector, and what it has said.
 */
import type { LinescribeError } from "../../src/base/error.ts";
import type { SpeechDetector, VadStream } from "../../src/vad/detector.ts";

export interface Heard {
  stream: VadStream;
  probabilities: number[];
  failures: LinescribeError[];
}

export function listen(detector: SpeechDetector): Heard {
  const heard = { probabilities: [] as number[], failures: [] as LinescribeError[] };
  const stream = detector.open(
    (probabilities) => heard.probabilities.push(...probabilities),
    (error) => heard.failures.push(error),
  );
  return { ...heard, stream };
}
