/**
 * Words that nobody said: what Whisper makes of music, animals and noise.
 */
import { isLoop } from "../asr/loop.ts";
import type { HeardUtterance } from "./listener.ts";
import type { RecognisedText } from "./ports.ts";

type Measured = Pick<RecognisedText, "text" | "language" | "logprob" | "noSpeech" | "words">;

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
 * Coughs and a cleared throat are voiced, so the detector half believes them, and Whisper hears "Thank you." in them, one
 * word of which is likely. By mean probability of the detector and mean confidence of the words, highest first: coughs and
 * music had 0.81 and 0.07, 0.8 and 0.51 at most; 729 utterances of speech (five languages' short prompts, digits, phone
 * clips) below 0.8 had a confidence of 0.61 at least, and below 0.85 two had less than 0.2, both of them wrong words.
 */
const HALF_BELIEVED = [
  { meanProbability: 0.8, confidence: 0.55 },
  { meanProbability: 0.85, confidence: 0.15 },
];

/**
 * Whether nobody said the words of an utterance. Either the text is improbable, or a loop, and the recogniser hears no
 * speech or the detector doubted that there was any; or the detector half believed it and hardly a word is certain.
 * Neither network alone is a reason: a quiet "yes" is likely as a word, and a name is not.
 */
export function isInvented(
  { text, language, logprob, noSpeech, words }: Measured,
  { meanProbability = 1 }: Pick<HeardUtterance, "meanProbability">,
): boolean {
  const confidence = words.reduce((sum, word) => sum + word.confidence, 0) / words.length;
  if (HALF_BELIEVED.some((row) => meanProbability < row.meanProbability && confidence < row.confidence))
    return true;
  if (noSpeech <= NO_SPEECH && meanProbability >= DOUBTED_SPEECH) return false;
  return logprob < DOUBTED_LOGPROB || isLoop({ text, language }, Number.POSITIVE_INFINITY);
}
