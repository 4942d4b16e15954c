/**
 * Hints: names, products and numbers that a caller is likely to say, as operators and integrators write them.
 */
import { LinescribeError } from "../base/error.ts";

/** Nothing is known of what will be said. */
export const NO_HINTS: readonly string[] = Object.freeze([]);
/** Hints of one call at most. */
export const MAXIMUM_HINTS = 1000;
/** Characters (UTF-16 units) of one hint at most. */
export const MAXIMUM_HINT_CHARACTERS = 100;
/** Faults that one message names: ten thousand bad entries are one mistake. */
const FAULTS_SHOWN = 5;

export interface HintFault {
  /** Which entry; null when it is the list. */
  index: number | null;
  message: string;
}

/**
 * Says what is wrong with a list of hints; empty when all is well. Does not repeat the entries: they may be names of
 * people.
 */
export function faultsOfHints(hints: readonly string[]): HintFault[] {
  if (hints.length > MAXIMUM_HINTS) {
    return [{ index: null, message: `expected at most ${MAXIMUM_HINTS} hints, got ${hints.length}` }];
  }
  return [...hints.entries()].flatMap(([index, hint]) => {
    const message = faultOf(hint);
    return message === null ? [] : [{ index, message }];
  });
}

function faultOf(hint: string): string | null {
  if (hint.length > MAXIMUM_HINT_CHARACTERS) {
    return `expected at most ${MAXIMUM_HINT_CHARACTERS} characters, got ${hint.length}`;
  }
  // Some scripts need the joiners inside words; everything else that cannot be seen is a mistake or an attack.
  if (/[\p{Cc}\p{Cs}\p{Co}\p{Cn}]|(?![\u200c\u200d])\p{Cf}/u.test(hint)) {
    return "expected no control characters";
  }
  return /[\p{L}\p{N}]/u.test(hint) ? null : "expected a letter or a digit";
}

/**
 * Checks hints and writes each as the recogniser takes it: composed (NFC), single spaces, none twice.
 *
 * @throws {LinescribeError} `ASR_BAD_HINTS` when there are more than 1000, or one is longer than 100 characters, has a
 *   control character, or neither letter nor digit.
 */
export function asHints(hints: readonly string[]): readonly string[] {
  const faults = faultsOfHints(hints);
  if (faults.length === 0) return normaliseHints(hints);
  const shown = faults
    .slice(0, FAULTS_SHOWN)
    .map(({ index, message }) => (index === null ? message : `hint ${index}: ${message}`));
  const more = faults.length > FAULTS_SHOWN ? [`and ${faults.length - FAULTS_SHOWN} more`] : [];
  throw new LinescribeError("ASR_BAD_HINTS", [...shown, ...more].join("; "));
}

/** Writes hints without faults as the recogniser takes them. */
export function normaliseHints(hints: readonly string[]): readonly string[] {
  return [...new Set(hints.map((hint) => hint.normalize("NFC").trim().replace(/\s+/gu, " ")))];
}

/**
 * Reads the hints of one call from text: phrases between commas, as the `hints` attribute of Twilio's `<Transcription>`.
 *
 * @throws {LinescribeError} `ASR_BAD_HINTS`, see `asHints`.
 */
export function parseHints(text: string): readonly string[] {
  return asHints(text.split(",").filter((phrase) => phrase.trim() !== ""));
}

/** The hints of a call and of its number as one list of at most 1000; the call's come first, the number's give way. */
export function joinHints(ofCall: readonly string[], ofNumber: readonly string[]): readonly string[] {
  if (ofCall.length === 0) return ofNumber;
  return [...new Set([...ofCall, ...ofNumber])].slice(0, MAXIMUM_HINTS);
}
