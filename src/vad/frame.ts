/**
 * The unit of voice activity: a `vadFrame` of 512 samples at 16 kHz, the only length Silero v5 and v6 accept there.
 */
import { exactDiv, MODEL_SAMPLES_PER_MS } from "../base/time.ts";

/** Samples in a `vadFrame`. */
export const VAD_FRAME_SAMPLES = 512;
/** Milliseconds in a `vadFrame`: 32. */
export const VAD_FRAME_MS = exactDiv(VAD_FRAME_SAMPLES, MODEL_SAMPLES_PER_MS);
