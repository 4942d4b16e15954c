/**
 * What a call needs from outside: a speech detector, a recogniser and a place where events are committed.
 * `vad/` and `asr/` fit as they are; tests hand in small ones.
 */
import type { LinescribeError } from "../base/error.ts";
import type { EventDraft, Track, TrackLabel, TranscriptWord } from "../transcript/event.ts";
import type { VadStream } from "../vad/stream.ts";

export interface Detector {
  open(
    onProbabilities: (probabilities: Float32Array) => void,
    onFailure: (error: LinescribeError) => void,
  ): VadStream;
}

export interface RecognisedText {
  text: string;
  /** Mean log-probability of the tokens. */
  logprob: number;
  /** Probability that there is no speech, 0..1. */
  noSpeech: number;
  language: string;
  /** Times in ms from the start of the utterance; none in a partial. */
  words: readonly TranscriptWord[];
  /** Of a partial: the probability that a word was said, 0..1, of each word of the text. */
  confidences?: readonly number[];
  /** Text tokens of the model, for those who show them. */
  tokens?: readonly number[];
  /** Of a partial: what the next one of the utterance may go on from. */
  draft?: Draft;
}

/** The recogniser's own. */
type Draft = object;

/** See `RecognitionJob` of the recogniser. */
export interface RecognitionJob {
  /** Null when it was dropped; rejects with a LinescribeError. */
  readonly answer: Promise<RecognisedText | null>;
  promote(): void;
  drop(): void;
}

export interface RecognitionRequest {
  /** 16 kHz mono in [-1, 1]. */
  pcm16k: Float32Array;
  language: string;
  /** What is likely to be said, as `asHints` returned it. */
  hints?: readonly string[];
  priority: "final" | "speculative" | "partial" | "file";
  source: string;
  draft?: Draft | undefined;
}

export interface TextRecogniser {
  submit(request: RecognitionRequest): RecognitionJob;
  /** How long to wait between two partials of an utterance, ms; null while there should be none. */
  readonly partialIntervalMs: number | null;
  /**
   * How long before it is due a final of so much audio is worth beginning, ms; Infinity while the machine has time.
   * What is begun in a pause is lost when speech resumes.
   */
  headStartMs(audioMs: number): number;
}

/** What is known of an utterance that has not ended. */
export interface PartialText {
  startMs: number;
  /** End of the audio that it was heard in, ms. */
  endMs: number;
  text: string;
  /** Leading characters of `text` that are not expected to change. */
  stable: number;
  /** The speaker has paused: this is the whole utterance, unless speech resumes within a moment. */
  endpoint: boolean;
}

/**
 * Makes events durable.
 *
 * Resolves when they are committed. A store that is full or broken is the implementation's to retry: a promise that
 * rejects means that the call's events are lost for good.
 */
export type Commit = (callSid: string, drafts: EventDraft[]) => Promise<void>;

/** How far a track has come, media time of the call in ms. */
export interface TrackProgress {
  track: Track;
  /** Media received so far. */
  mediaMs: number;
  /** Everything before it is committed or was silence. */
  settledMs: number;
}

export type { Track, TrackLabel };
