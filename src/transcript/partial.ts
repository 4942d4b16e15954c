/**
 * What is being said, before it is final: shown live and forgotten. Never stored, never delivered to a callback.
 */
import type { Track } from "./event.ts";

export interface TranscriptPartial {
  type: "transcript.partial";
  callSid: string;
  track: Track;
  label: string;
  /** The number that the final of this utterance will have; each partial replaces the one before it. */
  utterance: number;
  startMs: number;
  /** End of the audio that it was heard in. */
  endMs: number;
  text: string;
  /** Leading characters of `text` that are not expected to change. */
  stable: number;
  /** The speaker has paused: this is the whole utterance, unless speech resumes within a moment. */
  endpoint: boolean;
}
