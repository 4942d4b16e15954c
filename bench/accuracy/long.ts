/**
 * Ten minutes of speech without a pause: what the cuts, which have to be made somewhere, cost.
 */
import type { Engine } from "../../src/app/engine.ts";
import { callFromClips } from "../../src/cli/replay/sound-call.ts";
import { type Clip, speechFrames } from "../corpus.ts";
import { join, withoutPauses } from "../recordings/utterances.ts";
import { type BenchServer, textOf } from "../server.ts";
import type { Pair } from "./score.ts";
import { recogniseAll } from "./speech.ts";

export const LONG_SECONDS = 600;
const LONGEST_PAUSE_MS = 280;
const EDGE_MS = 1000;

export interface LongResult {
  /** The clips one by one, straight into the recogniser. */
  separate: Pair[];
  /** The clips without anything between them, as one call through the whole product. */
  joined: Pair[];
  seconds: number;
  /** The longest stretch without a frame of speech within it, ms. */
  longestPauseMs: number;
}

/** Takes clips in order, with their own pauses shortened too, until ten minutes are full. */
export async function measureLong(
  engine: Engine,
  server: BenchServer,
  clips: readonly Clip[],
): Promise<LongResult> {
  const chosen: Clip[] = [];
  let seconds = 0;
  for (const clip of clips) {
    if (seconds >= LONG_SECONDS) break;
    const dense = withoutPauses(clip, LONGEST_PAUSE_MS);
    chosen.push(dense);
    seconds += dense.seconds;
  }
  const whole = join(chosen);
  const played = await server.play(callFromClips([whole], EDGE_MS).call, "max");
  return {
    separate: await recogniseAll(engine, chosen),
    joined: [{ id: whole.id, speakers: [], reference: whole.text, hypothesis: textOf(played) }],
    seconds: whole.seconds,
    longestPauseMs: Math.max(...chosen.map(longestPauseMs), 0),
  };
}

function longestPauseMs({ pcm8k }: Clip): number {
  const frames = speechFrames(pcm8k);
  return Math.max(0, ...frames.slice(1).map((frame, index) => (frame - (frames[index] as number) - 1) * 10));
}
