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
import { isMisfit, type Portion } from "./portions.ts";
import { FRAME_MS, speechIslands } from "./speech-islands.ts";
import type { Recognition, Search, UtteranceAudio } from "./whisper.ts";
import { FULL_PAD_SAMPLES } from "./window.ts";

/** Retries, in the order in which they are tried: with the beam, with 2 s of silence, in the full window of 30 s. */
export const RETRIES = ["beam", "pad", "window"] as const;
export type Retry = (typeof RETRIES)[number];

interface Searcher {
  recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Portion[]>;
  recogniseAgain(utterance: UtteranceAudio, draft: Draft, search: Search): Promise<Portion>;
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
/** The silence of each retry. */
const PADDING: Readonly<Record<Retry, Pick<Search, "padSamples">>> = {
  beam: {},
  pad: { padSamples: LONG_PAD_SAMPLES },
  window: { padSamples: FULL_PAD_SAMPLES },
};

/**
 * Recognises utterances of one language as finals. Those that need another search of a kind share it, unless they go on
 * from what their first one made.
 *
 * @param beam - Width of the wide search, 2 to 5; with 1 only loops are searched again.
 * @param keepsStates - Whether the second search goes on from what the first one made.
 * @returns One recognition per utterance, in order; or why there is none.
 */
export async function recogniseFinals(
  searcher: Searcher,
  utterances: readonly UtteranceAudio[],
  beam: number,
  keepsStates = true,
): Promise<Portion[]> {
  const prepared = utterances.map(prepare);
  const audios = prepared.map(({ audio }) => audio);
  // A hint is found by a wide search, and makes a text that may be less likely than the one without it.
  const search = utterances.some(isHinted) ? { beam } : { beam: 1, keep: keepsStates && beam > 1 };
  const first = await searcher.recognise(audios, { ...search, align: true });
  const climbers = prepared.map((utterance, row) => new Climber(utterance, first[row] as Portion));
  for (const retry of RETRIES) {
    const waiting = climbers.filter((climber) => climber.wants(retry, beam));
    await searchAgain(searcher, waiting, retry, beam);
  }
  return climbers.map((climber) => climber.final());
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

/** Gives each of them another result. */
async function searchAgain(
  searcher: Searcher,
  climbers: readonly Climber[],
  retry: Retry,
  beam: number,
): Promise<void> {
  const search = { beam, align: true, ...PADDING[retry] };
  const together = new Map<string, Climber[]>();
  for (const climber of climbers) {
    const { audio, language, draft } = climber;
    if (retry === "beam" && draft) climber.offer(retry, await searcher.recogniseAgain(audio, draft, search));
    else together.set(language, [...(together.get(language) ?? []), climber]);
  }
  for (const group of together.values()) {
    const others = await searcher.recognise(
      group.map(({ audio }) => audio),
      search,
    );
    for (const [index, climber] of group.entries()) climber.offer(retry, others[index] as Portion);
  }
}

/** An utterance on the ladder: the best result so far, and the rungs that it asks for. */
class Climber {
  readonly #utterance: Prepared;
  readonly #first: Portion;
  #best: Portion;
  readonly #retries: Retry[] = [];

  constructor(utterance: Prepared, first: Portion) {
    this.#utterance = utterance;
    this.#first = first;
    this.#best = first;
  }

  /** What language it is was asked once. */
  get language(): string {
    return isMisfit(this.#first) ? this.#utterance.audio.language : this.#first.language;
  }

  get audio(): UtteranceAudio {
    return { ...this.#utterance.audio, language: this.language };
  }

  /** What the first search kept. */
  get draft(): Draft | undefined {
    return isMisfit(this.#first) ? undefined : this.#first.draft;
  }

  wants(retry: Retry, beam: number): boolean {
    const best = this.#best;
    const { seconds, audio } = this.#utterance;
    if (isMisfit(best) || seconds === 0) return false;
    if (retry !== "beam") return this.#loops(best);
    if (beam === 1 || isHinted(audio)) return false;
    const isUnlikely = best.lowestLogprob < UNLIKELY_LOGPROB && best.noSpeech <= NO_SPEECH;
    return (isUnlikely && seconds >= SHORT_SECONDS) || this.#loops(best);
  }

  /** A search that could not be done leaves no result: which ones an utterance gets does not depend on the device. */
  offer(retry: Retry, other: Portion): void {
    this.#retries.push(retry);
    const best = this.#best;
    if (isMisfit(best)) return;
    if (isMisfit(other) || this.#isBetter(other, best)) this.#best = other;
  }

  final(): Portion {
    if (isMisfit(this.#best)) return this.#best;
    const { seconds, led } = this.#utterance;
    const { draft: _, ...best } = this.#best;
    // Whisper writes "you" and "Thank you." for silence, and is quite sure of it.
    if (seconds === 0) return { ...best, text: "", tokens: [], words: [] };
    return { ...best, words: led ? withoutLead(best.words) : best.words, retries: this.#retries };
  }

  /** A loop is likely in itself. */
  #isBetter(other: Recognition, best: Recognition): boolean {
    if (this.#loops(best) === this.#loops(other)) return other.logprob > best.logprob;
    return this.#loops(best);
  }

  #loops(recognition: Recognition): boolean {
    return isLoop(recognition, this.#utterance.seconds);
  }
}

/** Rows of a batch share their hints. */
function isHinted({ hints }: UtteranceAudio): boolean {
  return hints !== undefined && hints.length > 0;
}
