/**
 * What it means that N calls at once are held: final p95 <= 2.5 s and word lag p95 <= 2 s (with partials), at least 80 %
 * of the words in utterances over 2 s shown before their final, a word error rate within 0.5 points of the same calls
 * alone, nothing lost.
 */
import { wordErrors } from "../src/score/wer.ts";
import type { EventDraft } from "../src/transcript/event.ts";
import type { TrackPartial } from "../src/transcript/partial.ts";
import { finishedFinals } from "./finished.ts";
import { percentile } from "./percentile.ts";
import type { PlannedCall } from "./planned-call.ts";
import { firstShown } from "./shown.ts";
import { alignEqual, normalWords } from "./words.ts";

const FINAL_P95_MS = 2500;
const LAG_P95_MS = 2000;
const SHOWN_BEFORE_FINAL = 0.8;
export const LONG_UTTERANCE_MS = 2000;
const WER_MARGIN = 0.005;

export type Final = Pick<
  Extract<EventDraft, { type: "transcript.final" }>,
  "track" | "utterance" | "startMs" | "endMs" | "text"
>;
export type Partial = Pick<TrackPartial, "track" | "utterance" | "startMs" | "endMs" | "text" | "stable">;

/** One call as it was played; `at` is Unix ms. */
export interface PlayedCall {
  clips: PlannedCall["clips"];
  finals: { final: Final; at: number }[];
  partials: readonly { partial: Partial; at: number }[];
  /** Unix ms of media time 0. */
  startedAt: number;
  /** Normalised words, said and heard. */
  reference: string[];
  hypothesis: string[];
  /** Gaps, errors and missing events. */
  lost: number;
}

/** Word errors of a call that was played alone, and its words. */
export interface Alone {
  errors: number;
  words: number;
}

export function aloneOf({ reference, hypothesis }: PlayedCall): Alone {
  return { errors: errorsOf(reference, hypothesis), words: reference.length };
}

/** The words of finals, both tracks in the order in which they spoke, as the clips are. */
export function heardWords(finals: PlayedCall["finals"]): string[] {
  const ordered = finals.toSorted((a, b) => a.final.startMs - b.final.startMs);
  return ordered.flatMap(({ final }) => normalWords(final.text));
}

function errorsOf(reference: readonly string[], hypothesis: readonly string[]): number {
  const { substitutions, deletions, insertions } = wordErrors(reference, hypothesis);
  return substitutions + deletions + insertions;
}

/** Delays, ms, and rates, 0..1, of all calls together. */
export interface Delays {
  /** From the end of a word to the first event that shows it. */
  lags: number[];
  /** From the end of an utterance's first word to its first event. */
  firsts: number[];
  /** From the end of a clip to the first event that shows all of its final. */
  wholes: number[];
  /** From the end of a clip to the final that has its last word. */
  finals: number[];
  rates: { wer: number; alone: number; shown: number; unstable: number };
  lost: number;
}

/** @param alone - Of each call. */
export function delaysOf(calls: readonly PlayedCall[], alone: readonly Alone[]): Delays {
  const sum = { errors: 0, words: 0, lost: 0, longWords: 0, shownWords: 0, stable: 0, unstable: 0 };
  const delays = {
    lags: [] as number[],
    firsts: [] as number[],
    wholes: [] as number[],
    finals: [] as number[],
  };
  for (const call of calls) {
    sum.errors += errorsOf(call.reference, call.hypothesis);
    sum.words += call.reference.length;
    sum.lost += call.lost;
    for (const track of new Set(call.clips.map((clip) => clip.track))) {
      const shown = call.finals
        .filter(({ final }) => final.track === track)
        .map(({ final, at }) => shownWords(final, at, call.partials));
      for (const each of shown) {
        sum.stable += each.stable;
        sum.unstable += each.unstable;
        if (each.final.endMs - each.final.startMs <= LONG_UTTERANCE_MS) continue;
        sum.longWords += each.words.length;
        sum.shownWords += each.words.filter(({ at }) => at < each.at).length;
      }
      addWordLags(delays, call, track, shown);
      addFinalDelays(delays, call, track, shown);
    }
  }
  const baseline = { errors: 0, words: 0 };
  for (const { errors, words } of alone) {
    baseline.errors += errors;
    baseline.words += words;
  }
  const rates = {
    wer: sum.errors / sum.words,
    alone: baseline.errors / baseline.words,
    shown: sum.shownWords / Math.max(1, sum.longWords),
    unstable: sum.unstable / Math.max(1, sum.stable),
  };
  return { ...delays, rates, lost: sum.lost };
}

type ShownUtterance = ReturnType<typeof shownWords>;

function addWordLags(
  { lags, firsts }: Pick<Delays, "lags" | "firsts">,
  call: PlayedCall,
  track: string,
  shown: readonly ShownUtterance[],
): void {
  const said = call.clips
    .filter((clip) => clip.track === track)
    .flatMap(({ startMs, words }) => words.map(({ word, endMs }) => ({ word, endMs: startMs + endMs })));
  const heard = shown.flatMap((utterance) =>
    utterance.words.map((word, index) => ({ ...word, utterance, index })),
  );
  const pairs = alignEqual(
    said.map(({ word }) => word),
    heard.map(({ word }) => word),
  );
  for (const [position, found] of pairs) {
    const [spoken, word] = [said[position], heard[found]] as [(typeof said)[0], (typeof heard)[0]];
    const endedAt = call.startedAt + spoken.endMs;
    lags.push(word.at - endedAt);
    if (word.index === 0) firsts.push(word.utterance.firstAt - endedAt);
  }
}

/** @param shown - The finals of the track. */
export function addFinalDelays(
  { finals, wholes }: Pick<Delays, "finals" | "wholes">,
  call: Pick<PlayedCall, "clips" | "startedAt">,
  track: string,
  shown: readonly Pick<ShownUtterance, "final" | "at" | "wholeAt">[],
): void {
  const spans = shown.map((utterance) => {
    const { startMs, endMs } = utterance.final;
    return { startMs, endMs, utterance };
  });
  const ends = call.clips.filter((clip) => clip.track === track).map(({ speechEndMs }) => speechEndMs);
  for (const [index, finished] of finishedFinals(spans, ends).entries()) {
    if (!finished) continue;
    const endedAt = call.startedAt + (ends[index] as number);
    finals.push(finished.utterance.at - endedAt);
    wholes.push(finished.utterance.wholeAt - endedAt);
  }
}

/** When each word of a final was first shown, by a partial or by the final itself. */
function shownWords(final: Final, at: number, partials: PlayedCall["partials"]) {
  const own = partials.filter(
    ({ partial }) => partial.track === final.track && partial.utterance === final.utterance,
  );
  const { words, wholeAt } = firstShown(
    { text: final.text, at },
    own.map((shown) => ({ text: shown.partial.text, at: shown.at })),
  );
  const last = own.at(-1)?.partial;
  const stable = normalWords(last?.text.slice(0, last.stable) ?? "");
  const kept = alignEqual(
    stable,
    words.map(({ word }) => word),
  ).length;
  return {
    final,
    at,
    words,
    firstAt: own[0]?.at ?? at,
    wholeAt,
    stable: stable.length,
    unstable: stable.length - kept,
  };
}

/** Why calls with these delays are not held; none when they are. */
export function faultsOf(
  { lags, finals, rates, lost }: Delays,
  { partials }: { partials: boolean },
): string[] {
  const p95 = (values: number[]) => Math.round(percentile(values, 0.95));
  return [
    ...(p95(finals) > FINAL_P95_MS ? [`final p95 ${p95(finals)} ms`] : []),
    ...(partials && p95(lags) > LAG_P95_MS ? [`word lag p95 ${p95(lags)} ms`] : []),
    ...(partials && rates.shown < SHOWN_BEFORE_FINAL
      ? [`${(100 * rates.shown).toFixed(0)} % of words shown before their final`]
      : []),
    ...(rates.wer > rates.alone + WER_MARGIN ? ["word error rate"] : []),
    ...(lost > 0 ? [`${lost} gaps, errors or missing events`] : []),
  ];
}

/** Heads of the columns that `delayCells` fills, after the number of calls. */
export const DELAY_HEADINGS = [
  ["calls", "WER %", "alone"],
  ["lag p50", "p95", "p99"],
  ["first p50", "whole p50", "p95"],
  ["final p50", "p95", "p99"],
  ["shown %", "unstable %"],
].flat();

export function delayCells(count: number, { lags, firsts, wholes, finals, rates }: Delays): string[] {
  const ms = (values: number[], share: number) =>
    values.length ? `${Math.round(percentile(values, share))}` : "-";
  const percent = (share: number) => (100 * share).toFixed(1);
  return [
    `${count}`,
    percent(rates.wer),
    percent(rates.alone),
    ...[0.5, 0.95, 0.99].map((share) => ms(lags, share)),
    ms(firsts, 0.5),
    ...[0.5, 0.95].map((share) => ms(wholes, share)),
    ...[0.5, 0.95, 0.99].map((share) => ms(finals, share)),
    percent(rates.shown),
    percent(rates.unstable),
  ];
}
