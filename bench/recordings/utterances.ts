/**
 * Longer utterances out of short clips of one voice, and speech without pauses.
 */
import { PHONE_RATE_HZ } from "../../src/base/time.ts";
import { type Clip, clipOf, speechFrames } from "../corpus.ts";
import { concat } from "../sounds/signals.ts";

const SHORTEST_SECONDS = 5;
const LONGEST_SECONDS = 15;
/** Between two clips of an utterance, beside the margins of both: as a speaker who goes on. */
const JOIN_SECONDS = 0.15;
const FRAME_SAMPLES = PHONE_RATE_HZ / 100;
/** What is kept on either side of speech: its soft ends. */
const MARGIN_FRAMES = 5;

/**
 * Strings neighbouring clips of one voice into utterances of 5 to 15 s; how long each should be goes round from 5 to
 * 14 s. A rest that is shorter than 5 s is left out, and so is a clip that is longer than 15.
 */
export function stringUtterances(clips: readonly Clip[]): Clip[] {
  const utterances: Clip[] = [];
  let waiting: Clip[] = [];
  const seconds = (): number =>
    waiting.reduce((sum, clip) => sum + clip.seconds, 0) + JOIN_SECONDS * Math.max(0, waiting.length - 1);
  const close = (): void => {
    if (seconds() >= SHORTEST_SECONDS) utterances.push(join(waiting));
    waiting = [];
  };
  for (const clip of clips.map(withoutPauses)) {
    if (clip.seconds > LONGEST_SECONDS) continue;
    if (seconds() + JOIN_SECONDS + clip.seconds > LONGEST_SECONDS) close();
    waiting.push(clip);
    if (seconds() >= SHORTEST_SECONDS + (utterances.length % (LONGEST_SECONDS - SHORTEST_SECONDS))) close();
  }
  close();
  return utterances;
}

/** The clips as one stretch of speech, with at most 250 ms between them. */
export function join(clips: readonly Clip[]): Clip {
  const gap = new Float32Array(JOIN_SECONDS * PHONE_RATE_HZ);
  const [first] = clips as [Clip];
  const pcm8k = concat(clips.flatMap((clip, index) => (index === 0 ? [clip.pcm8k] : [gap, clip.pcm8k])));
  const text = clips.map((clip) => clip.text).join(" ");
  return clipOf({ id: `${first.id}+${clips.length - 1}`, speaker: first.speaker, text }, pcm8k);
}

/**
 * The clip without silence at its ends and with no pause in it of more than `pauseMs` (10 ms frames 30 dB below the loud
 * ones): the middle of longer ones is cut out.
 */
export function withoutPauses(clip: Clip, pauseMs = 280): Clip {
  const frames = speechFrames(clip.pcm8k);
  const half = Math.floor(pauseMs / 20);
  const pieces: Float32Array[] = [];
  let from = Math.max(0, (frames[0] ?? 0) - MARGIN_FRAMES);
  frames.forEach((frame, index) => {
    const next = frames[index + 1];
    if (next !== undefined && next - frame - 1 <= 2 * half) return;
    const margin = next === undefined ? MARGIN_FRAMES : half;
    pieces.push(clip.pcm8k.subarray(from * FRAME_SAMPLES, (frame + 1 + margin) * FRAME_SAMPLES));
    from = (next ?? 0) - half;
  });
  const { id, speaker, text } = clip;
  return clipOf({ id, speaker, text }, concat(pieces));
}
