/**
 * What a call needs from outside: a speech detector, a recogniser and a place where events are committed.
 * `vad/` and `asr/` fit as they are; tests hand in small ones.
 */
import type { LinescribeError } from "../base/error.ts";
import type { EventDraft, Track, TrackLabel } from "../transcript/event.ts";
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
}

export interface TextRecogniser {
  recognise(utterances: readonly { pcm16k: Float32Array; language: string }[]): Promise<RecognisedText>[];
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
