/**
 * The encoder window of an utterance: its samples and a little real silence; the graph appends the silent tail.
 */
import { exactDiv, MODEL_RATE_HZ } from "../base/time.ts";

/** One encoder position: two mel frames of 10 ms. */
export const POSITION_SAMPLES = exactDiv(MODEL_RATE_HZ, 50);
/** Whisper never saw more than 30 s at once. */
export const MAXIMUM_WINDOW_SAMPLES = 30 * MODEL_RATE_HZ;
/** Silence behind the speech that is no loss anywhere: the full window of 30 s. */
export const FULL_PAD_SAMPLES = MAXIMUM_WINDOW_SAMPLES;
/** Silence behind the speech; below 0.3 s the decoder repeats itself, above 0.5 s nothing is gained (models/README.md). */
export const PAD_SAMPLES = exactDiv(MODEL_RATE_HZ, 2);
/** Longest utterance, its pads of 0.6 s included, that is an answer of one word rather than a sentence: 1.2 s. */
export const ANSWER_SAMPLES = exactDiv(6 * MODEL_RATE_HZ, 5);
/** Very short utterances get more: see models/README.md, single digits. */
export const MINIMUM_WINDOW_SAMPLES = Math.round(1.6 * MODEL_RATE_HZ);
/** The longest output of Whisper: half of its text context. */
export const MAXIMUM_TOKENS = 224;

/**
 * Samples that the encoder sees for an utterance of `samples` samples.
 *
 * @param tailPool - Positions per block of the silent tail; the window is a multiple of it, so that the tail starts
 *   where the window ends. 0 when the model has no tail: then the window is the full 30 s.
 * @param padSamples - Silence behind the speech, as far as 30 s reach.
 * @throws {RangeError} when the utterance is longer than 30 s.
 */
export function windowSamples(samples: number, tailPool: number, padSamples = PAD_SAMPLES): number {
  if (samples > MAXIMUM_WINDOW_SAMPLES) {
    throw new RangeError(`Expected an utterance of at most 30 s, got ${samples / MODEL_RATE_HZ} s`);
  }
  if (tailPool === 0) return MAXIMUM_WINDOW_SAMPLES;
  const step = POSITION_SAMPLES * tailPool;
  const wanted = Math.max(MINIMUM_WINDOW_SAMPLES, samples + padSamples);
  return Math.min(MAXIMUM_WINDOW_SAMPLES, Math.ceil(wanted / step) * step);
}

/** How many tokens an utterance may have: the fastest talkers stay below 6 a second, a runaway loop does not. */
export function maximumTokens(samples: number): number {
  return Math.min(MAXIMUM_TOKENS, 12 + Math.ceil((samples / MODEL_RATE_HZ) * 8));
}

/** Samples that a row may be made as long as: from the shortest window to 30 s, each about a quarter longer than the last. */
export const STEPS: readonly number[] = [
  1.6, 2.08, 2.56, 3.2, 4, 5.12, 6.4, 8, 9.92, 12.48, 15.52, 19.36, 24.16, 30,
].map((seconds) => Math.round(seconds * MODEL_RATE_HZ));

/** The window rounded up to one of 14 lengths, multiples of 0.16 s all but the longest; 30 s at most. */
export function steppedSamples(samples: number): number {
  return STEPS.find((step) => step >= samples) ?? MAXIMUM_WINDOW_SAMPLES;
}
