/**
 * What one card of the H100 or H200 is to carry, and whether it did.
 */
import type { WhisperSizes } from "./arithmetic.ts";
import { isGoalCard } from "./cards.ts";

/** Calls in real time with partials, without sockets. */
const GOALS = [
  { name: "whisper-base", calls: 2000, shape: { width: 512, encoderLayers: 6, decoderLayers: 6 } },
  // More than the 560 streams that the vendor of Nemotron-Speech claims for an H100.
  {
    name: "the shape of large-v3-turbo",
    calls: 561,
    shape: { width: 1280, encoderLayers: 32, decoderLayers: 4 },
  },
] as const;

export interface Verdict {
  text: string;
  missed: boolean;
}

/**
 * @param card - Its name, null without one.
 * @param held - Calls held with partials; null when they were not measured.
 */
export function verdictOf(card: string | null, sizes: WhisperSizes, held: number | null): Verdict {
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
  const missed = held < goal.calls;
  const text = `${goal.name}: ${held} calls held with partials, ${missed ? "less than" : "at least"} the goal of ${goal.calls}`;
  return { text, missed };
}
