/**
 * What can be set about the endpointer, with units, ranges and the rules between the values.
 */
import { expectInteger, expectNumber } from "../base/guards.ts";
import { VAD_FRAME_MS } from "./frame.ts";

/** Longest utterance the recogniser takes (Whisper's window is 30 s). */
const LONGEST_UTTERANCE_MS = 30_000;

/** All times are whole milliseconds of media time, all thresholds are speech probabilities. */
export interface EndpointerOptions {
  /** Probability from which a frame may open an utterance. (0, 1] */
  onsetThreshold: number;
  /** Probability from which a frame of an open utterance counts as speech. (0, onsetThreshold] */
  offsetThreshold: number;
  /** Consecutive frames at or above `onsetThreshold` that an utterance needs somewhere. [1, 100] */
  onsetFrames: number;
  /** One frame at or above this stands for `onsetFrames` of them. [onsetThreshold, 1] */
  strongOnsetThreshold: number;
  /** Speech (frames at or above `offsetThreshold`) without which an utterance is dropped as noise. [0, 5000] */
  minimumSpeechMs: number;
  /** Silence that ends an utterance, rounded up to whole frames. [32, 10000] */
  silenceMs: number;
  /** Length from which on `longSilenceMs` ends an utterance already, where that is less than `silenceMs`. [0, 30000] */
  longUtteranceMs: number;
  /** Silence that ends a long one, rounded up to whole frames. [32, 10000] */
  longSilenceMs: number;
  /** Pre-roll: audio kept in front of the first speech frame, never beyond the previous utterance. [0, 5000] */
  prefixPadMs: number;
  /** Tail: audio kept after the last speech frame. [0, silenceMs] */
  hangoverPadMs: number;
  /** Length, pads included, at which an utterance is cut although speech goes on. [1000, 30000] */
  maximumUtteranceMs: number;
  /** How far back from there the longest pause is looked for. [32, maximumUtteranceMs / 2] */
  cutSearchMs: number;
}

/**
 * Returns a frozen copy of `options` when every value is in its range.
 *
 * @throws {TypeError | RangeError} naming the option, what was expected and what came.
 */
export function asEndpointerOptions(options: EndpointerOptions): Readonly<EndpointerOptions> {
  const onset = expectNumber("onsetThreshold", options.onsetThreshold, Number.MIN_VALUE, 1);
  expectNumber("offsetThreshold", options.offsetThreshold, Number.MIN_VALUE, onset);
  expectInteger("onsetFrames", options.onsetFrames, 1, 100);
  expectNumber("strongOnsetThreshold", options.strongOnsetThreshold, onset, 1);
  expectInteger("minimumSpeechMs", options.minimumSpeechMs, 0, 5000);
  const silenceMs = expectInteger("silenceMs", options.silenceMs, VAD_FRAME_MS, 10_000);
  expectInteger("longUtteranceMs", options.longUtteranceMs, 0, LONGEST_UTTERANCE_MS);
  expectInteger("longSilenceMs", options.longSilenceMs, VAD_FRAME_MS, 10_000);
  const prefixPadMs = expectInteger("prefixPadMs", options.prefixPadMs, 0, 5000);
  expectInteger("hangoverPadMs", options.hangoverPadMs, 0, silenceMs);
  const maximumMs = expectInteger(
    "maximumUtteranceMs",
    options.maximumUtteranceMs,
    1000,
    LONGEST_UTTERANCE_MS,
  );
  expectInteger("cutSearchMs", options.cutSearchMs, VAD_FRAME_MS, Math.floor(maximumMs / 2));
  // Otherwise the part before a forced cut could hold nothing but its leading silence.
  const leadingMs = Math.max(prefixPadMs, silenceMs) + 4 * VAD_FRAME_MS;
  if (maximumMs - options.cutSearchMs < leadingMs) {
    throw new RangeError(
      `Expected "maximumUtteranceMs" to exceed "cutSearchMs" by at least ${leadingMs} ms (the longer of ` +
        `"prefixPadMs" and "silenceMs", and four frames), got ${maximumMs} and ${options.cutSearchMs}`,
    );
  }
  return Object.freeze({ ...options });
}
