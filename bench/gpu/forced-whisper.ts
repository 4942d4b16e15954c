/**
 * A Whisper whose weights are random, made to work as much as one that has learnt: its hypotheses do not end by themselves,
 * so each gets as many tokens as so much speech has, and answers are such that nobody doubts them or searches again.
 *
 * What it cannot show: second searches of finals, which a model that has learnt needs for some, and what partials save
 * by going on from tokens that stand.
 */
import { NO_DRAFT } from "../../src/asr/draft.ts";
import type { Engine } from "../../src/asr/portions.ts";
import type { OpenAudio, Recognition, Search, UtteranceAudio } from "../../src/asr/whisper.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";

export class ForcedWhisper implements Engine {
  readonly #whisper: Engine;
  readonly #tokensPerSecond: number;

  constructor(whisper: Engine, tokensPerSecond: number) {
    this.#whisper = whisper;
    this.#tokensPerSecond = tokensPerSecond;
  }

  get metadata(): Engine["metadata"] {
    return this.#whisper.metadata;
  }

  async recognise(utterances: readonly UtteranceAudio[], search: Search): Promise<Recognition[]> {
    const longest = Math.max(...utterances.map(({ pcm16k }) => pcm16k.length));
    const limit = forcedTokens(longest / MODEL_RATE_HZ, this.#tokensPerSecond);
    return (await this.#whisper.recognise(utterances, { ...search, limit })).map(undoubted);
  }

  /** Nothing is kept of open utterances (`BatchRules.keepsStates` is to be false): each comes whole. */
  async recogniseOpen(utterances: readonly OpenAudio[]): Promise<Recognition[]> {
    const whole = utterances.map(({ draft: _, ...audio }) => audio);
    const recognitions = await this.recognise(whole, { beam: 1 });
    return recognitions.map((recognition) => ({ ...recognition, confidences: [1], draft: NO_DRAFT }));
  }

  recogniseAgain(): Promise<Recognition> {
    throw new Error("Expected no second search of what nobody doubts");
  }
}

/** Tokens of so much speech, two at least: one to begin with and one step. */
export function forcedTokens(seconds: number, tokensPerSecond: number): number {
  return Math.max(2, Math.ceil(seconds * tokensPerSecond));
}

function undoubted(recognition: Recognition): Recognition {
  return { ...recognition, text: "words", words: [], logprob: 0, lowestLogprob: 0, noSpeech: 0 };
}
