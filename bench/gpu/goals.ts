/**
 * What one card of the H100 or H200 is to carry, and whether it did.
 */
import type { WhisperSizes } from "./arithmetic.ts";
import { isGoalCard } from "./cards.ts";
import type { GpuOptions } from "./options.ts";

/**
 * Calls in real time with partials, without sockets. `randomRate`: tokens to a second of speech that random weights
 * have to be given at least, where the goal may be shown with such.
 */
const GOALS = [
  {
    name: "whisper-base",
    calls: 2000,
    shape: { width: 512, encoderLayers: 6, decoderLayers: 6 },
    randomRate: null,
  },
  // More than the 560 streams that the vendor of Nemotron-Speech claims for an H100.
  {
    name: "the shape of large-v3-turbo",
    calls: 561,
    shape: { width: 1280, encoderLayers: 32, decoderLayers: 4 },
    randomRate: 3.5,
  },
] as const;
/** Shorter calls end before the load of all of them has lasted. */
const CALL_MS = 45_000;

export interface Verdict {
  text: string;
  missed: boolean;
}

/**
 * @param card - Its name, null without one.
 * @param held - Calls held with partials; null when they were not measured.
 * @param played - How they were played.
 */
export function verdictOf(
  card: string | null,
  sizes: WhisperSizes,
  held: number | null,
  { callMs, tokensPerSecond }: Pick<GpuOptions, "callMs" | "tokensPerSecond">,
): Verdict {
  const unmeasured = (why: string): Verdict => ({
    text: `the goals were not measured: ${why}`,
    missed: false,
  });
  if (card === null) return unmeasured("they are said for one H100 or H200, and this is no card");
  if (!isGoalCard(card)) return unmeasured(`they are said for one H100 or H200, not for ${card}`);
  const goal = GOALS.find(({ shape }) =>
    Object.entries(shape).every(([size, value]) => sizes[size as keyof WhisperSizes] === value),
  );
  if (!goal)
    return unmeasured(
      `there are none for this model, only for ${GOALS.map(({ name }) => name).join(" and ")}`,
    );
  if (held === null) return unmeasured("no calls with partials were played");
  if (callMs < CALL_MS)
    return unmeasured(
      `calls of ${callMs / 1000} s are shorter than the ${CALL_MS / 1000} s they are said for`,
    );
  if (tokensPerSecond !== null && goal.randomRate === null)
    return unmeasured(`that of ${goal.name} is said for weights that have learnt, not for random ones`);
  if (tokensPerSecond !== null && tokensPerSecond < (goal.randomRate ?? 0))
    return unmeasured(`${tokensPerSecond} tokens/s are fewer than the ${goal.randomRate} of ordinary speech`);
  const missed = held < goal.calls;
  const weights = tokensPerSecond === null ? "" : `, random weights, ${tokensPerSecond} tokens/s`;
  const text = `${goal.name}${weights}: ${held} calls held with partials, ${missed ? "less than" : "at least"} the goal of ${goal.calls}`;
  return { text, missed };
}
