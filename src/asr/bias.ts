/**
 * Score masks over the vocabulary: what must never be said, what must not come first, which token is a language.
 */
import type { WhisperMetadata } from "./metadata.ts";

/** Added to the score of a token that must not win; `NEVER` in models/export/graph.py. */
export const NEVER = -1e9;

export interface Biases {
  /** Added at every step. float32 [1, vocabulary] */
  every: Float32Array;
  /** Added at the first step instead: also forbids blank and immediate end. float32 [1, vocabulary] */
  first: Float32Array;
  /** Leaves only language tokens. float32 [1, vocabulary] */
  language: Float32Array;
}

/** The masks of a transcription without timestamps. */
export function createBiases(metadata: WhisperMetadata): Biases {
  const { vocabulary, suppress, suppressAtBegin, languages, tokens } = metadata;
  const every = new Float32Array(vocabulary);
  for (const token of suppress) every[token] = NEVER;
  // Timestamps lie behind <|notimestamps|>; languages and tasks between end-of-text and it.
  every.fill(NEVER, tokens.endOfText + 1);
  const first = every.slice();
  for (const token of suppressAtBegin) first[token] = NEVER;
  const language = new Float32Array(vocabulary).fill(NEVER);
  for (const token of Object.values(languages)) language[token] = 0;
  return { every, first, language };
}
