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
/** Sound between two pauses that is shorter than this is a click, ms. */
const CLICK_MS = 50;
/** A pause this near to the boundary of two words is theirs: no word has one inside, ms. */
const PAUSE_REACH_MS = 200;

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
  const islands = speechIslands(pcm16k).filter(({ start, end }) => (end - start) * FRAME_MS >= CLICK_MS);
  const boundaryMs = (token: number): number => {
    const position = starts[token];
    if (position === undefined) return durationMs;
    return position === 0 ? 0 : Math.min(durationMs, position * POSITION_MS + LOOKAHEAD_MS);
  };
  const spans = words.map(({ first, end }) => ({ startMs: boundaryMs(first), endMs: boundaryMs(end) }));
  for (const pause of pausesBetween(islands)) partAt(pause, spans);
  return words.map(({ text, first, end }, index) => ({
    word: text,
    ...withoutSilence(spans[index] as Span, islands),
    confidence: wordConfidence(logprobs.subarray(first, end)),
  }));
}

interface Span {
  startMs: number;
  endMs: number;
}

function pausesBetween(islands: readonly Island[]): Span[] {
  return islands.slice(1).map(({ start }, index) => ({
    startMs: (islands[index] as Island).end * FRAME_MS,
    endMs: start * FRAME_MS,
  }));
}

/** Lets the two words whose boundary is nearest to a pause end and begin there. */
function partAt(pause: Span, spans: Span[]): void {
  const distance = ({ startMs }: Span): number => Math.max(0, pause.startMs - startMs, startMs - pause.endMs);
  let next = 1;
  for (let index = 2; index < spans.length; index++) {
    if (distance(spans[index] as Span) < distance(spans[next] as Span)) next = index;
  }
  const [before, after] = [spans[next - 1], spans[next]];
  if (!before || !after || distance(after) > PAUSE_REACH_MS) return;
  // Both keep some sound.
  if (before.startMs >= pause.startMs || after.endMs <= pause.endMs) return;
  before.endMs = pause.startMs;
  after.startMs = pause.endMs;
}

/** Without the silence at its edges. */
function withoutSilence(span: Span, islands: readonly Island[]): Span {
  const sounds = islands.filter(
    ({ start, end }) => end * FRAME_MS > span.startMs && start * FRAME_MS < span.endMs,
  );
  const [first, last] = [sounds[0], sounds.at(-1)];
  if (!first || !last) return span;
  return {
    startMs: Math.max(span.startMs, first.start * FRAME_MS),
    endMs: Math.min(span.endMs, last.end * FRAME_MS),
  };
}
