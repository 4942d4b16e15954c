/**
 * The named settings of the endpointer.
 */
import { asEndpointerOptions, type EndpointerOptions } from "./endpointer-options.ts";

/**
 * - `phone`: telephony, replay and files. Measured on 191 telephone clips strung into calls of 12 with 1 s between,
 *   and on 60 spoken digits of 0.15 to 0.7 s; `npm run bench -- vad` repeats what needs no words. Onset at 0.3 and not
 *   0.5 leaves fewer cuts inside sentences (57 instead of 60 at 700 ms) and hold music stays below one false utterance
 *   a minute. A minimum of 96 to 160 ms keeps all 60 digits, 200 ms loses one, 256 ms three.
 *
 *   | silenceMs                      | 500  | 700  | 800  | 900  | 1000 | 1100 | 1200 |
 *   |--------------------------------|------|------|------|------|------|------|------|
 *   | word error rate of finals, %   | 7.78 | 7.49 | 7.38 | 7.35 | 7.32 | 7.21 | 7.08 |
 *   | cuts inside clips              | 90   | 57   | 42   | 28   | 18   | 13   | 12   |
 *   | clips joined                   | 0    | 0    | 0    | 0    | 4    | 8    | 15   |
 *   | audio recognised in pauses, x  | 1.24 | 1.38 | 1.49 | 1.58 | 1.65 | 1.70 | 1.78 |
 *
 *   An utterance of more than 8 s ends after 500 ms: docs/endpointing.md has what that does.
 *
 *   1000 is where sentences begin to be joined that belong to two turns. 1200 against 700: -0.41 points with a standard error of 0.14, 9 of 16 calls better and 1 worse. Each clip alone
 *   has 6.73. Digits dictated 0.8 s apart: 20 of 60 wrong at 700 ms, 1 at 1200 ms. 28 s instead of 20 for the longest
 *   utterance changed nothing (7.30, 7.24, 7.08 from 1000 ms on).
 * - `pcm`: threshold 0.5, silence 500 ms and minimum 300 ms, as users of other transcription servers know them.
 */
export const PROFILES = {
  phone: asEndpointerOptions({
    onsetThreshold: 0.3,
    offsetThreshold: 0.15,
    onsetFrames: 2,
    strongOnsetThreshold: 0.8,
    minimumSpeechMs: 96,
    silenceMs: 1000,
    longUtteranceMs: 8000,
    longSilenceMs: 500,
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
    longUtteranceMs: 8000,
    longSilenceMs: 500,
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
