/**
 * The transcript of a recording, put together from what its tracks committed.
 */
import type { LinescribeError } from "../base/error.ts";
import type { EventDraft, Track, TranscriptWord } from "../transcript/event.ts";

/** What the model said of an utterance beside its text. */
export interface ModelFacts {
  /** Text tokens. */
  tokens: readonly number[];
  /** Mean log-probability of the tokens, <= 0. */
  logprob: number;
  /** Probability that there is no speech, 0..1. */
  noSpeech: number;
}

export type Draft =
  | (Extract<EventDraft, { type: "transcript.final" }> & { model: ModelFacts })
  | Extract<EventDraft, { type: "transcript.gap" }>;

export interface TranscribedUtterance {
  track: Track;
  /** Whisper code. */
  language: string;
  startMs: number;
  endMs: number;
  text: string;
  /** 0..1. */
  confidence: number;
  words: TranscriptWord[];
  model: ModelFacts;
}

export interface Transcript {
  /** Whisper code: the one asked for, or with `auto` the one heard longest; null when nothing was said. */
  language: string | null;
  text: string;
  /** By their start. */
  utterances: TranscribedUtterance[];
  /** Spans that have no text although there was speech. */
  failed: { track: Track; startMs: number; endMs: number }[];
  /** Why, when it was the machine and not what was said. */
  failure: LinescribeError | null;
}

export function asTranscript(
  drafts: readonly Draft[],
  language: string,
  failure: LinescribeError | null,
): Transcript {
  const ordered = [...drafts].sort((a, b) => a.startMs - b.startMs);
  const finals = ordered.filter((draft) => draft.type === "transcript.final");
  return {
    language: language === "auto" ? longestLanguage(finals) : language,
    text: finals.map(({ text }) => text).join(" "),
    utterances: finals.map(({ track, language: heard, startMs, endMs, text, confidence, words, model }) => ({
      track,
      language: heard,
      startMs,
      endMs,
      text,
      confidence,
      words,
      model,
    })),
    failed: ordered
      .filter(({ type }) => type === "transcript.gap")
      .map(({ track, startMs, endMs }) => ({ track, startMs, endMs })),
    failure,
  };
}

function longestLanguage(
  finals: readonly { language: string; startMs: number; endMs: number }[],
): string | null {
  const spokenMs = new Map<string, number>();
  for (const { language, startMs, endMs } of finals) {
    spokenMs.set(language, (spokenMs.get(language) ?? 0) + endMs - startMs);
  }
  return [...spokenMs].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}
