/**
 * What a run of the graph said: its tokens as recognitions, and what is left of it for the next run.
 */
import type { Tensor } from "onnxruntime-node";
import { wordConfidence } from "./confidence.ts";
import { type Draft, type KeptPositions, keepPositions } from "./draft.ts";
import { type Output, rowOf } from "./graph.ts";
import type { WhisperMetadata } from "./metadata.ts";
import { timeWords } from "./timing.ts";
import type { TextDecoderOfTokens } from "./tokenizer.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";

export class Readout {
  readonly #metadata: WhisperMetadata;
  readonly #tokenizer: TextDecoderOfTokens;

  constructor(metadata: WhisperMetadata, tokenizer: TextDecoderOfTokens) {
    this.#metadata = metadata;
    this.#tokenizer = tokenizer;
  }

  /**
   * @param startedAt - When the inference began, ms of `performance.now()`.
   * @param forced - Tokens that each row had to begin with.
   */
  recognitions(
    output: Output,
    utterances: readonly UtteranceAudio[],
    language: string,
    startedAt: number,
    forced: readonly number[][] = [],
  ): Recognition[] {
    const decodeMs = performance.now() - startedAt;
    return utterances.map((utterance, row) => {
      const { pcm16k } = utterance;
      const { tokens, logprobs, attention } = rowOf(output, row, utterances.length);
      const end = tokens.indexOf(this.#metadata.tokens.endOfText);
      const found = end < 0 ? tokens : tokens.slice(0, end);
      const scored = logprobs.subarray(0, found.length + 1);
      const before = forced[row] ?? [];
      const spoken = [...before, ...found];
      const known = "draft" in utterance ? (utterance.draft as Draft).logprobs.slice(0, before.length) : [];
      const words = attention
        ? timeWords(this.#tokenizer.words(spoken, language), { attention, logprobs: scored, pcm16k })
        : [];
      return {
        text: this.#tokenizer.decode(spoken),
        tokens: spoken,
        logprobs: [...known, ...logprobs.subarray(0, found.length)],
        words,
        logprob: Math.min(0, mean(scored)),
        lowestLogprob: Math.min(0, ...scored),
        noSpeech: output.noSpeech[row] as number,
        language,
        retries: [],
        decodeMs,
      };
    });
  }

  /** The probability that a word was said, of each word of a text. */
  confidences({ tokens, logprobs }: Recognition, language: string): number[] {
    const words = this.#tokenizer.words(tokens, language);
    return words.map(({ first, end }) => wordConfidence(Float32Array.from(logprobs.slice(first, end))));
  }
}

/** What an utterance leaves behind, with its first `positions` positions kept. */
export function draftOf(
  { fresh, peaks }: Output,
  row: number,
  before: Draft,
  positions: number,
  { tokens, logprobs }: Recognition,
): Draft {
  const count = Math.max(0, positions - before.positions);
  const kept = (): KeptPositions => {
    const { data, dims } = fresh as Tensor;
    return keepPositions(data as Float32Array, dims, row, count);
  };
  return {
    kept: count > 0 ? [...before.kept, kept()] : before.kept,
    positions: before.positions + count,
    peak: peaks[row] as number,
    tokens,
    previous: before.tokens,
    logprobs,
  };
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
