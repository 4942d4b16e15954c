/**
 * Word error rates of what was heard against what was said: of all of it, and of either half of the committed split.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { type WordErrorRate, wordErrorRate } from "../../src/score/wer.ts";
import { normalizeBasic } from "./normalize.ts";

export interface Pair {
  id: string;
  /** Everybody whose words are in it. */
  speakers: string[];
  reference: string;
  hypothesis: string;
}

export interface Row {
  name: string;
  all: WordErrorRate;
  /** Null where the pairs are of no half, or all of one. */
  tune: number | null;
  report: number | null;
}

export type Half = "tune" | "report";

const HALVES: Record<Half, string[]> = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../speakers.json"), "utf8"),
);

/** Clips of several speakers are split by speaker, as `speakers.json` says. */
export function halfOfSpeakers({ speakers }: Pair): Half | null {
  return (
    (["tune", "report"] as const).find((half) =>
      speakers.every((speaker) => HALVES[half].includes(speaker)),
    ) ?? null
  );
}

/**
 * Recordings of one speaker are split by name: every name is in one half for good, whatever else is in the set. Of an
 * utterance that was strung together the name of its first recording counts; the others are of the same half.
 */
export function halfOfName({ id }: { id: string }): Half {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(id.split("+")[0] as string)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 16) % 2 === 0 ? "tune" : "report";
}

export function scoreRow(
  name: string,
  pairs: readonly Pair[],
  halfOf: (pair: Pair) => Half | null,
  language = "en",
): Row {
  const normalize = language === "en" ? normalizeEnglish : (text: string) => normalizeBasic(text, language);
  const rate = (chosen: readonly Pair[]): WordErrorRate => wordErrorRate(chosen, normalize);
  const [tune, report] = (["tune", "report"] as const).map((half) =>
    pairs.filter((pair) => halfOf(pair) === half),
  ) as [Pair[], Pair[]];
  const split = tune.length > 0 && report.length > 0;
  return {
    name,
    all: rate(pairs),
    tune: split ? rate(tune).wer : null,
    report: split ? rate(report).wer : null,
  };
}
