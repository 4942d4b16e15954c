/**
 * Words that nobody said: what Whisper makes of music, animals and noise.
 */
import { isLoop } from "../asr/loop.ts";
import type { HeardUtterance } from "./listener.ts";
import type { RecognisedText } from "./ports.ts";

/**
 * Mean log-probability below which words are doubted. What 40 minutes of music and noise were made into had -0.97 and
 * less ("you", "Okay."); 190 of 191 clips of clear speech had more, and so had ten of them over hold music at 0 dB (-0.78).
 */
const DOUBTED_LOGPROB = -0.85;
/** Whisper's own threshold (openai/whisper transcribe.py): those words had 0.45 to 0.78, clear speech at most 0.46. */
const NO_SPEECH = 0.6;
/** Mean probability of the speech detector: under those words 0.16 to 0.44, of clear speech 0.84 to 1. */
const DOUBTED_SPEECH = 0.5;

/**
 * Whether the words of an utterance are improbable, or a loop, and, besides, the recogniser hears no speech or the
 * detector doubted that there was any. Either alone is no reason: a quiet "yes" is likely as a word, and a name is not.
 */
export function isInvented(
  { text, language, logprob, noSpeech }: Pick<RecognisedText, "text" | "language" | "logprob" | "noSpeech">,
  { meanProbability = 1 }: Pick<HeardUtterance, "meanProbability">,
): boolean {
  if (noSpeech <= NO_SPEECH && meanProbability >= DOUBTED_SPEECH) return false;
  return logprob < DOUBTED_LOGPROB || isLoop({ text, language }, Number.POSITIVE_INFINITY);
}
