/**
 * Short answers: single spoken digits, right as that digit and nothing else.
 */
import type { Engine } from "../../src/app/engine.ts";
import { callFromClips } from "../../src/cli/replay/sound-call.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { type Clip, clipOf } from "../corpus.ts";
import { type BenchServer, textOf } from "../server.ts";
import { concat, silence } from "../sounds/signals.ts";
import { recogniseAll } from "./speech.ts";

export const DIGIT_HINTS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const GAP_MS = 2000;
/** The digits begin with their first sample, which no engine hears. */
const LEAD_SECONDS = 0.15;

export interface DigitsResult {
  right: number;
  /** `said -> heard` of the others. */
  wrong: string[];
}

function judge(pairs: readonly { reference: string; hypothesis: string }[]): DigitsResult {
  const isRight = ({ reference, hypothesis }: { reference: string; hypothesis: string }): boolean =>
    normalizeEnglish(reference) === normalizeEnglish(hypothesis);
  return {
    right: pairs.filter(isRight).length,
    wrong: pairs
      .filter((pair) => !isRight(pair))
      .map(({ reference, hypothesis }) => `${reference} -> ${hypothesis}`),
  };
}

/** Straight into the recogniser, with the silence in front that other engines were given too. */
export async function recogniseDigits(
  engine: Engine,
  clips: readonly Clip[],
  hints?: readonly string[],
): Promise<DigitsResult> {
  const led = clips.map((clip) => clipOf(clip, concat([silence(LEAD_SECONDS), clip.pcm8k])));
  return judge(await recogniseAll(engine, led, "en", hints));
}

/** All in one call, 2 s apart, through the whole product: what is heard between a digit and the next counts for it. */
export async function playDigits(
  server: BenchServer,
  clips: readonly Clip[],
  setting: number,
): Promise<DigitsResult> {
  const strung = callFromClips(clips, GAP_MS);
  const played = await server.play(strung.call, "max", setting);
  const pairs = strung.clips.map(({ startMs, endMs }, index) => {
    const finals = played.finals.filter((final) => final.startMs < endMs && final.endMs > startMs);
    return { reference: (clips[index] as Clip).text, hypothesis: textOf({ ...played, finals }) };
  });
  return judge(pairs);
}
