/**
 * What is submitted becomes a job: checked, a partial cut to what is new in it, and for cards in memory that workers share.
 */
import type { LinescribeError } from "../base/error.ts";
import { continueFrom, type Draft, draftWindow, NO_DRAFT } from "./draft.ts";
import { Job, type JobOwner } from "./job.ts";
import { AUTO_LANGUAGE } from "./language.ts";
import type { WhisperMetadata } from "./metadata.ts";
import type { Priority } from "./schedule.ts";
import { utteranceFault } from "./utterance.ts";
import type { UtteranceAudio } from "./whisper.ts";

/** An utterance, and how it is to be treated. */
export interface RecognitionRequest extends UtteranceAudio {
  priority: Priority;
  /** Who is served, for example one track of a call: sources take turns. */
  source: string;
  /** Of a partial: what the last one of the same utterance answered, from whose `pcm16k` this one goes on. */
  draft?: Draft | undefined;
}

/**
 * A job of a request, and why it cannot be recognised, if it cannot.
 *
 * @param sharing - Whether the audio is copied into memory that workers share. It spares the event loop 8 ms for a batch of
 *   64 utterances; of the few in a processor's batch it would spare nothing, and the garbage collector does not see such
 *   memory (192 kB at a time, 736 MB were held where others took 90).
 */
export function takeIn(
  request: RecognitionRequest,
  metadata: WhisperMetadata,
  owner: JobOwner,
  sharing: boolean,
): { job: Job; fault: LinescribeError | null } {
  const { priority, source, draft: given, ...audio } = request;
  const { pcm16k, language } = audio;
  const { tailPool } = metadata;
  const fault = utteranceFault(request, metadata);
  // What language it is must be found out from the beginning, and without a tail the whole window is encoded anyway.
  const open = priority === "partial" && language !== AUTO_LANGUAGE && tailPool > 0;
  const draft = open ? (given ?? NO_DRAFT) : null;
  const windowSamples = fault ? 0 : draftWindow(draft ?? NO_DRAFT, pcm16k.length, tailPool);
  const from = draft ? continueFrom(draft) : 0;
  const heard = fault
    ? audio
    : { ...audio, pcm16k: sharing ? shared(pcm16k.subarray(from)) : from > 0 ? pcm16k.slice(from) : pcm16k };
  const job = new Job(draft ? { ...heard, draft } : heard, { priority, source, windowSamples }, owner);
  return { job, fault };
}

/** A copy in memory that workers share: sending it to one costs nothing, and again when it is tried again. */
function shared(pcm: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(pcm.byteLength));
  copy.set(pcm);
  return copy;
}
