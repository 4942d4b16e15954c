/**
 * Delays of calls whose words say nothing, because the model's weights are random: a word counts as shown by the first
 * event that has heard it, whatever that made of it. There is no word error rate, which would tell of finals that never
 * came: a clip of which no final has heard a word counts as lost.
 */
import { addFinalDelays, type Delays, LONG_UTTERANCE_MS, type PlayedCall } from "../held.ts";

interface Told {
  /** End of the sound that it was heard in, ms. */
  endMs: number;
  at: number;
}

export function coveredDelays(calls: readonly PlayedCall[]): Delays {
  const delays = {
    lags: [] as number[],
    firsts: [] as number[],
    wholes: [] as number[],
    finals: [] as number[],
  };
  const sum = { longWords: 0, shownWords: 0, lost: 0 };
  for (const call of calls) {
    sum.lost += call.lost;
    for (const track of new Set(call.clips.map((clip) => clip.track))) {
      const finals = call.finals.filter(({ final }) => final.track === track);
      const partials = call.partials.flatMap(({ partial, at }) =>
        partial.track === track ? [{ ...partial, at }] : [],
      );
      const toldOf = ({ final, at }: (typeof finals)[number]): Told[] => [
        ...partials.filter(({ utterance }) => utterance === final.utterance),
        { endMs: final.endMs, at },
      ];
      const clips = call.clips
        .filter((clip) => clip.track === track)
        .map(({ startMs, words }) => words.map((word) => startMs + word.endMs));
      const isHeard = (ms: number) => finals.some(({ final }) => ms > final.startMs && ms <= final.endMs);
      sum.lost += clips.filter((words) => words.length > 0 && !words.some(isHeard)).length;
      const ends = clips.flat();
      for (const { final, at } of finals) {
        const { startMs, endMs } = final;
        const own = toldOf({ final, at });
        const words = ends.filter((ms) => ms > startMs && ms <= endMs);
        const shownAt = words.map((ms) => firstHeard(own, ms));
        for (const [index, ms] of words.entries()) {
          delays.lags.push((shownAt[index] as number) - call.startedAt - ms);
        }
        if (words.length > 0) delays.firsts.push((own[0] as Told).at - call.startedAt - (words[0] as number));
        if (endMs - startMs <= LONG_UTTERANCE_MS) continue;
        sum.longWords += words.length;
        sum.shownWords += shownAt.filter((shown) => shown < at).length;
      }
      const shown = finals.map(({ final, at }) => {
        return { final, at, wholeAt: firstHeard(toldOf({ final, at }), final.endMs) };
      });
      addFinalDelays(delays, call, track, shown);
    }
  }
  const shown = sum.shownWords / Math.max(1, sum.longWords);
  return { ...delays, rates: { wer: 0, alone: 0, shown, unstable: 0 }, lost: sum.lost };
}

/** @param told - In order; the last is the final. */
function firstHeard(told: readonly Told[], ms: number): number {
  return (told.find(({ endMs }) => endMs >= ms) ?? (told.at(-1) as Told)).at;
}
