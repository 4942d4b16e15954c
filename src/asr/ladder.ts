/**
 * How finals are searched: greedily first, and again with more effort where the result shows that it is needed.
 *
 * Which retries an utterance gets depends on nothing but its own first results, never on load: a call replayed at full
 * speed has the finals that it had live.
 */
import type { Recognition, Search, UtteranceAudio } from "./whisper.ts";
import { FULL_PAD_SAMPLES } from "./window.ts";
import { isUnspaced } from "./words.ts";

/** Retries, in the order in which they are tried. */
export const RETRIES = ["beam", "window"] as const;
export type Retry = (typeof RETRIES)[number];

interface Searcher {
  recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Recognition[]>;
}

/**
 * A token that greedy search took for want of a better one: probability below 0.25. A wider search changes nothing where
 * every token was likely, so this tells better than their mean which utterances gain by it.
 */
const UNLIKELY_LOGPROB = Math.log(0.25);
/** Mean log-probability below which the window itself is suspected. */
const WEAK_LOGPROB = -0.5;
/** Nothing is made of silence by searching harder (openai/whisper transcribe.py does not retry it either). */
const NO_SPEECH = 0.6;
/** Words that are said twice in a row by no speaker, but by a decoder that goes round in circles. */
const REPEATED_WORDS = 4;

/**
 * Recognises utterances of one language as finals.
 *
 * @param beam - Width of the wide search, 2 to 5; with 1 only the window is retried.
 * @returns One recognition per utterance, in order.
 */
export async function recogniseFinals(
  searcher: Searcher,
  utterances: readonly UtteranceAudio[],
  beam: number,
): Promise<Recognition[]> {
  const first = await searcher.recognise(utterances, { beam: 1, align: true });
  const finals: Recognition[] = [];
  for (const [index, recognition] of first.entries()) {
    // What language it is was asked once.
    const utterance = { ...(utterances[index] as UtteranceAudio), language: recognition.language };
    finals.push(await climb(searcher, utterance, recognition, beam));
  }
  return finals;
}

/** Tries the rungs that the best result so far asks for. */
async function climb(
  searcher: Searcher,
  utterance: UtteranceAudio,
  first: Recognition,
  beam: number,
): Promise<Recognition> {
  if (first.noSpeech > NO_SPEECH) return first;
  let best = first;
  const retries: Retry[] = [];
  const attempt = async (retry: Retry, search: Search): Promise<void> => {
    const [result] = await searcher.recognise([utterance], { ...search, align: true });
    retries.push(retry);
    best = better(best, result as Recognition);
  };
  if (beam > 1 && (best.lowestLogprob < UNLIKELY_LOGPROB || isLoop(best))) await attempt("beam", { beam });
  if (best.logprob < WEAK_LOGPROB || isLoop(best)) {
    await attempt("window", { beam, padSamples: FULL_PAD_SAMPLES });
  }
  return { ...best, retries };
}

/** The likelier one; but a loop is likely in itself. */
function better(best: Recognition, other: Recognition): Recognition {
  if (isLoop(best) !== isLoop(other)) return isLoop(best) ? other : best;
  return other.logprob > best.logprob ? other : best;
}

/** Whether four or more words are said again at once (where words have no spaces: characters). */
export function isLoop({ text, language }: Pick<Recognition, "text" | "language">): boolean {
  const letters = text.toLowerCase().replace(/[^\p{L}\p{M}\p{N}\s]/gu, "");
  const words = isUnspaced(language)
    ? [...letters.replace(/\s/gu, "")]
    : letters.split(/\s+/u).filter(Boolean);
  for (let period = REPEATED_WORDS; 2 * period <= words.length; period++) {
    for (let [at, same] = [0, 0]; at + period < words.length; at++) {
      same = words[at] === words[at + period] ? same + 1 : 0;
      if (same === period) return true;
    }
  }
  return false;
}
