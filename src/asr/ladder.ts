/**
 * How finals are searched: greedily first, and again with more effort where the result shows that it is needed.
 *
 * Which retries an utterance gets depends on nothing but its own first results, never on load: a call replayed at full
 * speed has the finals that it had live.
 */
import { MODEL_RATE_HZ } from "../base/time.ts";
import type { Draft } from "./draft.ts";
import { lacksLead, withLead, withoutLead } from "./lead.ts";
import { isLoop } from "./loop.ts";
import { FRAME_MS, speechIslands } from "./speech-islands.ts";
import type { Recognition, Search, UtteranceAudio } from "./whisper.ts";
import { FULL_PAD_SAMPLES } from "./window.ts";

/** Retries, in the order in which they are tried: with the beam, with 2 s of silence, in the full window of 30 s. */
export const RETRIES = ["beam", "pad", "window"] as const;
export type Retry = (typeof RETRIES)[number];

interface Searcher {
  recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Recognition[]>;
  recogniseAgain(utterance: UtteranceAudio, draft: Draft, search: Search): Promise<Recognition>;
}

/**
 * A token that greedy search took for want of a better one: probability below 0.3. A wider search changes little where
 * every token was likely, so this tells better than their mean which utterances gain by it. See DECISIONS.md.
 */
const UNLIKELY_LOGPROB = Math.log(0.3);
/** No words are made of music by searching harder (openai/whisper transcribe.py does not retry it either). */
const NO_SPEECH = 0.6;
/** Less sound than this holds a word or two, where a wider search finds nothing better but loops, seconds. */
const SHORT_SECONDS = 1;
/** Silence behind the speech that ends the loops of short utterances. */
const LONG_PAD_SAMPLES = 2 * MODEL_RATE_HZ;

/**
 * Recognises utterances of one language as finals.
 *
 * @param beam - Width of the wide search, 2 to 5; with 1 only loops are searched again.
 * @returns One recognition per utterance, in order.
 */
export async function recogniseFinals(
  searcher: Searcher,
  utterances: readonly UtteranceAudio[],
  beam: number,
): Promise<Recognition[]> {
  const prepared = utterances.map(prepare);
  const audios = prepared.map(({ audio }) => audio);
  // A hint is found by a wide search, and makes a text that may be less likely than the one without it.
  const search = utterances.some(isHinted) ? { beam } : { beam: 1, keep: beam > 1 };
  const first = await searcher.recognise(audios, { ...search, align: true });
  const finals: Recognition[] = [];
  for (const [index, utterance] of prepared.entries()) {
    const { draft: _, ...final } = await climb(searcher, utterance, first[index] as Recognition, beam);
    finals.push(utterance.led ? { ...final, words: withoutLead(final.words) } : final);
  }
  return finals;
}

interface Prepared {
  audio: UtteranceAudio;
  /** How much of it is sound. */
  seconds: number;
  /** It was given a lead. */
  led: boolean;
}

function prepare(audio: UtteranceAudio): Prepared {
  const islands = speechIslands(audio.pcm16k);
  const seconds = islands.reduce((sum, { start, end }) => sum + (end - start) * FRAME_MS, 0) / 1000;
  const led = lacksLead(islands, seconds < SHORT_SECONDS);
  return { audio: led ? { ...audio, pcm16k: withLead(audio.pcm16k) } : audio, seconds, led };
}

/** Tries the rungs that the best result so far asks for. */
async function climb(
  searcher: Searcher,
  { audio, seconds }: Prepared,
  first: Recognition,
  beam: number,
): Promise<Recognition> {
  // Whisper writes "you" and "Thank you." for silence, and is quite sure of it.
  if (seconds === 0) return { ...first, text: "", tokens: [], words: [] };
  const loops = (recognition: Recognition): boolean => isLoop(recognition, seconds);
  let best = first;
  const retries: Retry[] = [];
  const attempt = async (retry: Retry, search: Search): Promise<void> => {
    // What language it is was asked once.
    const utterance = { ...audio, language: first.language };
    const options = { ...search, align: true };
    const other =
      first.draft && search.padSamples === undefined
        ? await searcher.recogniseAgain(utterance, first.draft, options)
        : ((await searcher.recognise([utterance], options))[0] as Recognition);
    retries.push(retry);
    // A loop is likely in itself.
    const isBetter = loops(best) === loops(other) ? other.logprob > best.logprob : loops(best);
    if (isBetter) best = other;
  };
  const isUnlikely = best.lowestLogprob < UNLIKELY_LOGPROB && best.noSpeech <= NO_SPEECH;
  if (beam > 1 && !isHinted(audio) && ((isUnlikely && seconds >= SHORT_SECONDS) || loops(best)))
    await attempt("beam", { beam });
  if (loops(best)) await attempt("pad", { beam, padSamples: LONG_PAD_SAMPLES });
  if (loops(best)) await attempt("window", { beam, padSamples: FULL_PAD_SAMPLES });
  return { ...best, retries };
}

/** Rows of a batch share their hints. */
function isHinted({ hints }: UtteranceAudio): boolean {
  return hints !== undefined && hints.length > 0;
}
