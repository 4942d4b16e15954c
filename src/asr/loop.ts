/**
 * Text that goes round in circles: what Whisper writes when it does not hear the end of the speech.
 */
import { isUnspaced } from "./words.ts";

/** No speaker says this many words twice in a row; a loop is seldom shorter. In no text of the dev clips. */
const REPEATED_WORDS = 4;
/** A word that is said again at once takes this long at least, seconds; digits heard twice took 0.13 to 0.24 each. */
const WORD_SECONDS = 0.28;
/** Texts that are one word over and over are loops up to this many seconds of sound; beyond, somebody is counting. */
const SHORT_SECONDS = 1;

/**
 * Whether a text is a loop: four or more words are said again at once (where words have no spaces: characters), or it is
 * one word more often than there was time to say it.
 *
 * @param soundSeconds - How long the utterance was without its pauses.
 */
export function isLoop(
  { text, language }: { text: string; language: string },
  soundSeconds: number,
): boolean {
  const letters = text.toLowerCase().replace(/[^\p{L}\p{M}\p{N}\s]/gu, "");
  if (isStutter(letters.split(/\s+/u).filter(Boolean), soundSeconds)) return true;
  return repeats(isUnspaced(language) ? [...letters.replace(/\s/gu, "")] : letters.split(/\s+/u));
}

function isStutter(words: readonly string[], soundSeconds: number): boolean {
  if (words.length < 2 || new Set(words).size > 1) return false;
  return soundSeconds < Math.min(SHORT_SECONDS, words.length * WORD_SECONDS);
}

/** Whether a run of four or more is followed by itself. */
function repeats(words: readonly string[]): boolean {
  for (let period = REPEATED_WORDS; 2 * period <= words.length; period++) {
    for (let [at, same] = [0, 0]; at + period < words.length; at++) {
      same = words[at] === words[at + period] ? same + 1 : 0;
      if (same === period) return true;
    }
  }
  return false;
}
