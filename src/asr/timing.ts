/**
 * Words with the time at which they were said and how sure they are.
 */
import { exactDiv, MODEL_RATE_HZ } from "../base/time.ts";
import { type Attention, tokenStarts } from "./alignment.ts";
import { wordConfidence } from "./confidence.ts";
import { FRAME_MS, type Island, speechIslands } from "./speech-islands.ts";
import { POSITION_SAMPLES } from "./window.ts";
import type { TokenWord } from "./words.ts";

/** A word as it was heard; times in ms from the start of the utterance, rising and within it. */
export interface TimedWord {
  word: string;
  startMs: number;
  endMs: number;
  /** Probability that it was said, 0..1. */
  confidence: number;
}

export interface HeardTokens {
  attention: Attention;
  /** Log-probability of each token, end-of-text included. */
  logprobs: Float32Array;
  pcm16k: Float32Array;
}

/** One encoder position, ms. */
const POSITION_MS = exactDiv(POSITION_SAMPLES * 1000, MODEL_RATE_HZ);
/** The decoder looks at a word this long before it is said, ms: the median of words within speech (`bench -- timing`). */
const LOOKAHEAD_MS = 40;
/** Sound at the edge of a word, beyond a pause, that belongs to its neighbour at most, ms. */
const CRUMB_MS = 60;

/**
 * Times words by the decoder's attention, and gives the pauses between them to none.
 *
 * @param words - Words of an utterance with their tokens, in order.
 */
export function timeWords(
  words: readonly TokenWord[],
  { attention, logprobs, pcm16k }: HeardTokens,
): TimedWord[] {
  const durationMs = Math.floor((pcm16k.length * 1000) / MODEL_RATE_HZ);
  const positions = Math.min(attention.width, Math.ceil(pcm16k.length / POSITION_SAMPLES));
  const tokens = Math.min(attention.rows, logprobs.length);
  const starts = tokenStarts(attention, tokens, positions);
  const islands = speechIslands(pcm16k);
  const boundaryMs = (token: number): number => {
    const position = starts[token];
    if (position === undefined) return durationMs;
    return position === 0 ? 0 : Math.min(durationMs, position * POSITION_MS + LOOKAHEAD_MS);
  };
  return words.map(({ text, first, end }) => ({
    word: text,
    ...withoutPauses({ startMs: boundaryMs(first), endMs: boundaryMs(end) }, islands),
    confidence: wordConfidence(logprobs.subarray(first, end)),
  }));
}

interface Span {
  startMs: number;
  endMs: number;
}

/** Without the pauses at its edges, and the crumbs of its neighbours beyond them. */
function withoutPauses(span: Span, islands: readonly Island[]): Span {
  const parts = islands
    .map(({ start, end }) => ({
      startMs: Math.max(span.startMs, start * FRAME_MS),
      endMs: Math.min(span.endMs, end * FRAME_MS),
    }))
    .filter(({ startMs, endMs }) => endMs > startMs);
  const isCrumb = ({ startMs, endMs }: Span): boolean => endMs - startMs <= CRUMB_MS;
  while (parts.length > 1 && isCrumb(parts[0] as Span)) parts.shift();
  while (parts.length > 1 && isCrumb(parts.at(-1) as Span)) parts.pop();
  return { startMs: parts[0]?.startMs ?? span.startMs, endMs: parts.at(-1)?.endMs ?? span.endMs };
}
