/**
 * Sample rates and the only conversions between samples and milliseconds.
 */

/** The rate of the carrier's audio (G.711). */
export const PHONE_RATE_HZ = 8000;
/** The rate every model works at. */
export const MODEL_RATE_HZ = 16000;

/** Divides and throws when the quotient is not whole, so that a wrong constant fails at import. */
export function exactDiv(dividend: number, divisor: number): number {
  const quotient = dividend / divisor;
  if (!Number.isInteger(quotient)) {
    throw new RangeError(`Expected ${dividend} to be a multiple of ${divisor}`);
  }
  return quotient;
}

/** Samples per millisecond at the carrier's rate. */
export const PHONE_SAMPLES_PER_MS = exactDiv(PHONE_RATE_HZ, 1000);
/** Samples per millisecond at the models' rate. */
export const MODEL_SAMPLES_PER_MS = exactDiv(MODEL_RATE_HZ, 1000);

/** Samples in `ms` milliseconds, rounded to the nearest whole sample. */
export function msToSamples(ms: number, rateHz: number): number {
  return Math.round((ms * rateHz) / 1000);
}

/** Milliseconds that `samples` samples last, rounded to the nearest whole millisecond. */
export function samplesToMs(samples: number, rateHz: number): number {
  return Math.round((samples * 1000) / rateHz);
}
