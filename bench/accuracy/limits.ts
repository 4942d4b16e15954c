/**
 * What accuracy, delay and speed should be, and beyond what `--check` fails: the goal itself where it is met, else a
 * floor under what has been reached. Where one answer that tips over decides (the last bits of a probability depend on what
 * shares its batch), there is room for it.
 */
import { owedShare } from "../yardstick.ts";

export interface Limit {
  name: string;
  goal: number;
  limit: number;
  unit: "%" | "points" | "ms" | "words per hour" | "right" | "times real time";
  /** More is better. */
  atLeast?: true;
}

export const LIMITS = {
  isolated: { name: "word error rate, clips one by one", goal: 6.7, limit: 6.7, unit: "%" },
  live: { name: "word error rate, clips live", goal: 7.3, limit: 7.4, unit: "%" },
  delayP50: { name: "delay of a final, half", goal: 1500, limit: 1800, unit: "ms" },
  delayP95: { name: "delay of a final, 95 %", goal: 2200, limit: 3500, unit: "ms" },
  noise: { name: "words where nobody speaks", goal: 0, limit: 3, unit: "words per hour" },
  long: {
    name: "word error rate of ten minutes without a pause, above that of its clips",
    goal: 1,
    limit: 1,
    unit: "points",
  },
  digits: { name: "single digits live", goal: 44, limit: 43, unit: "right", atLeast: true },
  hintedDigits: {
    name: "single digits live, given as hints",
    goal: 52,
    limit: 50,
    unit: "right",
    atLeast: true,
  },
} as const satisfies Record<string, Limit>;

/** Times real time, one utterance at a time, on two cores that multiply float32 at REFERENCE_GFLOPS. */
const REAL_TIME_FACTOR = 40;
/** Neighbours on a shared machine come and go between the two measurements. */
const SPEED_TOLERANCE = 0.75;

export function speedLimit(gflops: number): Limit {
  const limit = SPEED_TOLERANCE * REAL_TIME_FACTOR * owedShare(gflops);
  return { name: "speed", goal: limit, limit, unit: "times real time", atLeast: true };
}

export interface Verdict {
  text: string;
  /** Beyond the limit: `--check` fails. */
  failed: boolean;
}

export function judge({ name, goal, limit, unit, atLeast }: Limit, value: number): Verdict {
  const misses = (bound: number): boolean => (atLeast ? value < bound : value > bound);
  const shown = (number: number): string => String(Number(number.toFixed(2)));
  const missedBy = misses(goal)
    ? `goal ${shown(goal)} missed by ${shown(Math.abs(value - goal))}`
    : `goal ${shown(goal)} met`;
  const failed = misses(limit);
  const verdict = failed ? `beyond the limit of ${shown(limit)}` : missedBy;
  return { text: `${name}: ${shown(value)} ${unit}, ${verdict}`, failed };
}
