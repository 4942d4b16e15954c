/**
 * What the two ways of cutting a session's audio need alike.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { Detector, TextRecogniser } from "../call/ports.ts";
import type { EventDraft, TrackLabel } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import type { ToldUtterance } from "./speech-track.ts";

export interface TrackOptions {
  /** Takes turns with others in the recogniser. */
  source: string;
  label: TrackLabel;
  /** A code of the model, or `auto`. */
  language: string;
  detector: Detector;
  /** Told of the session's hints with every piece. */
  recogniser: TextRecogniser;
  /** Resolves when they are committed or lost. */
  commit: (drafts: EventDraft[]) => Promise<void>;
  /** Absent: no partials are made. */
  onPartial: ((partial: TrackPartial) => void) | undefined;
  onSpeechStarted: (startMs: number) => void;
  /** Told when its final or gap is committed, or when it held no word. */
  onUtterance: (utterance: ToldUtterance) => void;
  logger: Logger;
  counters: Counters;
}

/** Audio before the first partial, beside what a sketch waits for anyway (300 ms): a second in all. */
export const PARTIAL_FROM_MS = 700;
