/**
 * What is being said, before it is final: shown live and forgotten. Never stored, never delivered to a callback.
 */
import type { EventDraft } from "./event.ts";

type Final = Extract<EventDraft, { type: "transcript.final" }>;

/**
 * An utterance as far as it was heard: `utterance` is the number that its final will have, `endMs` the end of the audio
 * that `text` was heard in. Each partial replaces the one before it.
 */
export interface TranscriptPartial
  extends Pick<Final, "track" | "label" | "utterance" | "startMs" | "endMs" | "text"> {
  type: "transcript.partial";
  callSid: string;
  /** Leading characters of `text` that are not expected to change. */
  stable: number;
  /** The speaker has paused: this is the whole utterance, unless speech resumes within a moment. */
  endpoint: boolean;
}

/** As the track knows it, which does not know of what it is one. */
export type TrackPartial = Omit<TranscriptPartial, "callSid">;
