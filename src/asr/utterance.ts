/**
 * What an utterance must be to be recognised. Audio comes from outside: what a model would choke on is refused by name
 * before it shares a batch with anybody.
 */
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { whisperLanguage } from "./language.ts";
import type { WhisperMetadata } from "./metadata.ts";
import type { UtteranceAudio } from "./whisper.ts";
import { MAXIMUM_WINDOW_SAMPLES } from "./window.ts";

/** Less than any word lasts: 0.1 s. Whisper would invent one. */
export const MINIMUM_UTTERANCE_SAMPLES = MODEL_RATE_HZ / 10;
/** Filters overshoot full scale a little; ten times full scale was never sound. */
const LOUDEST = 10;

/**
 * Why an utterance cannot be recognised, or null: `ASR_BAD_LANGUAGE`, `ASR_TOO_SHORT`, `ASR_TOO_LONG`, or
 * `ASR_BAD_AUDIO` for samples that are NaN, infinite or beyond 10.
 *
 * Silent, clipped and offset audio is recognised like any other.
 */
export function utteranceFault(
  { pcm16k, language }: UtteranceAudio,
  metadata: WhisperMetadata,
): LinescribeError | null {
  if (whisperLanguage(metadata, language) !== language) {
    return new LinescribeError("ASR_BAD_LANGUAGE", `Expected a language of the model, got "${language}"`);
  }
  const length = `${pcm16k.length} samples of 16 kHz`;
  if (pcm16k.length < MINIMUM_UTTERANCE_SAMPLES) {
    return new LinescribeError("ASR_TOO_SHORT", `Expected an utterance of at least 0.1 s, got ${length}`);
  }
  if (pcm16k.length > MAXIMUM_WINDOW_SAMPLES) {
    return new LinescribeError("ASR_TOO_LONG", `Expected an utterance of at most 30 s, got ${length}`);
  }
  const at = badSample(pcm16k);
  if (at === null) return null;
  return new LinescribeError("ASR_BAD_AUDIO", `Expected samples in [-1, 1], got ${pcm16k[at]} at ${at}`);
}

/** Where the first sample lies that is no sound. */
function badSample(pcm: Float32Array): number | null {
  for (let at = 0; at < pcm.length; at++) {
    // NaN compares with nothing.
    if (!(Math.abs(pcm[at] as number) <= LOUDEST)) return at;
  }
  return null;
}
