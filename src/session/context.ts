/**
 * Where the sound begins that a window is heard with: in a pause well before it, so that no word of it is cut and a
 * sentence is heard from its start.
 */
import { MODEL_SAMPLES_PER_MS } from "../base/time.ts";
import { VAD_FRAME_SAMPLES } from "../vad/frame.ts";

export interface ContextBounds {
  /** Sound that is heard again before a window, where there is speech in it, ms. */
  leastMs: number;
  /** What it may grow to in search of a pause, ms. */
  mostMs: number;
}

/** Whether somebody speaks in a frame, by its number from the session's start. */
export type IsSpeech = (frame: number) => boolean;

/** A shorter silence may be within a word: 256 ms. */
const PAUSE_FRAMES = 8;
/** Silence before the first speech, as an utterance has it: 192 ms. */
const PAD_FRAMES = 6;

/**
 * @param start - First sample of the window.
 * @param isSpeech - Asked of frames from `start` back to `mostMs` before it.
 * @returns A sample, at most `mostMs` before `start`.
 */
export function contextStart(start: number, { leastMs, mostMs }: ContextBounds, isSpeech: IsSpeech): number {
  const earliest = Math.max(0, start - mostMs * MODEL_SAMPLES_PER_MS);
  const firstFrame = Math.ceil(earliest / VAD_FRAME_SAMPLES);
  const endFrame = Math.floor(start / VAD_FRAME_SAMPLES);
  const latest = start - leastMs * MODEL_SAMPLES_PER_MS;
  let silent = 0;
  for (let frame = endFrame - 1; frame >= firstFrame; frame--) {
    silent = isSpeech(frame) ? 0 : silent + 1;
    if (silent < PAUSE_FRAMES || (frame + PAUSE_FRAMES) * VAD_FRAME_SAMPLES > latest) continue;
    let speech = frame + PAUSE_FRAMES;
    while (speech < endFrame && !isSpeech(speech)) speech += 1;
    return (speech - PAD_FRAMES) * VAD_FRAME_SAMPLES;
  }
  return earliest;
}
