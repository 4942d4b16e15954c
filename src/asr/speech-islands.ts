/**
 * Where there is sound in an utterance: what lies between its pauses.
 */
import { exactDiv, MODEL_RATE_HZ } from "../base/time.ts";

/** Levels are of 10 ms. */
const FRAME_SAMPLES = exactDiv(MODEL_RATE_HZ, 100);
export const FRAME_MS = 10;
/** Sound is what is at most this far below the loud frames of its utterance, as in `bench/corpus.ts`. */
const RANGE_DB = 30;
/** Below this nothing is sound, dB of full scale: the smallest steps of mu-law are at -72. */
const FLOOR_DB = -70;
/** A silence this long is a pause; the closure of a stop consonant is shorter. */
const PAUSE_FRAMES = 10;

/** From `start` to before `end`, frames of 10 ms. */
export interface Island {
  start: number;
  end: number;
}

/** Runs of frames within 30 dB of the loud ones (95th percentile), joined across less than 100 ms; none in silence. */
export function speechIslands(pcm16k: Float32Array): Island[] {
  const levels = frameLevels(pcm16k);
  const loud = levels.toSorted()[Math.floor(levels.length * 0.95)] ?? 0;
  const islands: Island[] = [];
  for (const [frame, level] of levels.entries()) {
    if (level < Math.max(FLOOR_DB, loud - RANGE_DB)) continue;
    const last = islands.at(-1);
    if (last && frame - last.end < PAUSE_FRAMES) last.end = frame + 1;
    else islands.push({ start: frame, end: frame + 1 });
  }
  return islands;
}

/** Power of each whole frame, dB of full scale, without the mean of the frame. */
function frameLevels(pcm16k: Float32Array): Float64Array {
  const levels = new Float64Array(Math.floor(pcm16k.length / FRAME_SAMPLES));
  for (let frame = 0; frame < levels.length; frame++) {
    let [sum, squares] = [0, 0];
    for (let at = frame * FRAME_SAMPLES; at < (frame + 1) * FRAME_SAMPLES; at++) {
      const sample = pcm16k[at] as number;
      sum += sample;
      squares += sample * sample;
    }
    const power = squares / FRAME_SAMPLES - (sum / FRAME_SAMPLES) ** 2;
    levels[frame] = 10 * Math.log10(Math.max(power, 1e-12));
  }
  return levels;
}
