/**
 * The named settings of the endpointer.
 */
import { asEndpointerOptions, type EndpointerOptions } from "./endpointer-options.ts";

/**
 * - `phone`: telephony, replay and files. Measured on 191 telephone clips strung into calls of 12 with 1 s between,
 *   and on 60 spoken digits of 0.15 to 0.7 s; `npm run bench -- vad` repeats it. Onset at 0.3 and not 0.5 leaves
 *   fewer cuts inside sentences (57 instead of 60 here; the word error rate of a Whisper behind it gains more) and
 *   hold music stays below one false utterance a minute. 700 ms of silence cut 57 times, 500 ms 85, 300 ms 174;
 *   800 ms would cut 42 times but every final comes 100 ms later, and from 1000 ms on speakers run together.
 *   A minimum of 96 to 160 ms keeps all 60 digits, 200 ms loses one, 256 ms three.
 * - `pcm`: threshold 0.5, silence 500 ms and minimum 300 ms, as users of other transcription servers know them.
 */
export const PROFILES = {
  phone: asEndpointerOptions({
    onsetThreshold: 0.3,
    offsetThreshold: 0.15,
    onsetFrames: 2,
    strongOnsetThreshold: 0.8,
    minimumSpeechMs: 96,
    silenceMs: 700,
    prefixPadMs: 300,
    hangoverPadMs: 300,
    maximumUtteranceMs: 20_000,
    cutSearchMs: 8000,
  }),
  pcm: asEndpointerOptions({
    onsetThreshold: 0.5,
    // Silero's own rule: 0.15 below the onset.
    offsetThreshold: 0.35,
    onsetFrames: 1,
    strongOnsetThreshold: 1,
    minimumSpeechMs: 300,
    silenceMs: 500,
    prefixPadMs: 300,
    hangoverPadMs: 300,
    maximumUtteranceMs: 20_000,
    cutSearchMs: 8000,
  }),
} as const satisfies Record<string, Readonly<EndpointerOptions>>;

export type ProfileName = keyof typeof PROFILES;

/** Share of the longest utterance that a cut is looked for in, at most. */
const CUT_SEARCH_SHARE = 0.4;

/**
 * A profile with some values of its own. With shorter utterances cuts are looked for in less of them.
 *
 * @throws {TypeError | RangeError} when a change is out of range or does not go with the rest.
 */
export function endpointerOptions(
  profile: ProfileName,
  changes: Partial<EndpointerOptions> = {},
): Readonly<EndpointerOptions> {
  const options = { ...PROFILES[profile], ...changes };
  const cutSearchMs = Math.min(
    options.cutSearchMs,
    Math.floor(CUT_SEARCH_SHARE * options.maximumUtteranceMs),
  );
  return asEndpointerOptions({ ...options, cutSearchMs: changes.cutSearchMs ?? cutSearchMs });
}
