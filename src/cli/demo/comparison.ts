/**
 * What was said beside what was heard.
 */
import { normalizerFor } from "../../score/normalizer.ts";
import { type WordErrorRate, wordErrorRate } from "../../score/wer.ts";
import type { Track } from "../../transcript/event.ts";
import type { SpokenText } from "./reference.ts";

/** A final that arrived. Positions in media time, ms; the wall clock in epoch ms. */
export interface HeardText {
  track: Track;
  startMs: number;
  endMs: number;
  text: string;
  arrivedAt: number;
}

/** Texts that belong together, because they overlap in time: usually one that was said and one that was heard. */
export interface ComparedText {
  track: Track;
  startMs: number;
  endMs: number;
  /** Empty when nothing was said. */
  expected: string;
  /** Empty when nothing was heard. */
  heard: string;
  /** Word error rate, 0 and up. */
  wer: number;
  /** From the end of the last sound that was said to the arrival of the last final; null when one is missing. */
  delayMs: number | null;
}

export interface Comparison {
  rows: ComparedText[];
  total: WordErrorRate;
}

interface Group {
  spoken: SpokenText[];
  heard: HeardText[];
}

interface Span {
  track: Track;
  startMs: number;
  endMs: number;
}

/** Finals have up to this much silence on either side: an overlap no longer than that says nothing. */
const PAD_MS = 300;

/**
 * @param startedAt - Wall clock at media time 0 of the recording, played at speed 1.
 * @param language - Whisper code; decides on the normaliser.
 */
export function compare(
  spoken: readonly SpokenText[],
  heard: readonly HeardText[],
  { startedAt, language }: { startedAt: number; language: string },
): Comparison {
  const normalize = normalizerFor(language);
  const groups = grouped(spoken, heard);
  const pairs = groups.map((group) => ({ reference: textOf(group.spoken), hypothesis: textOf(group.heard) }));
  const rows = groups.map((group, index) => {
    const pair = pairs[index] as { reference: string; hypothesis: string };
    return {
      ...spanOf(group),
      expected: pair.reference,
      heard: pair.hypothesis,
      wer: wordErrorRate([pair], normalize).wer,
      delayMs: delayOf(group, startedAt),
    };
  });
  return { rows, total: wordErrorRate(pairs, normalize) };
}

/** Whatever overlaps on its track, directly or through others, forms a group; in order of their start. */
function grouped(spoken: readonly SpokenText[], heard: readonly HeardText[]): Group[] {
  let groups: Group[] = spoken.map((text) => ({ spoken: [text], heard: [] }));
  for (const final of heard) {
    const touched = groups.filter((group) => group.spoken.some((text) => belongTogether(text, final)));
    const merged: Group = {
      spoken: touched.flatMap((group) => group.spoken),
      heard: [...touched.flatMap((group) => group.heard), final],
    };
    groups = [...groups.filter((group) => !touched.includes(group)), merged];
  }
  for (const group of groups) {
    group.spoken.sort((a, b) => a.startMs - b.startMs);
    group.heard.sort((a, b) => a.startMs - b.startMs);
  }
  return groups.sort((a, b) => spanOf(a).startMs - spanOf(b).startMs);
}

function belongTogether(a: Span, b: Span): boolean {
  if (a.track !== b.track) return false;
  const overlapMs = Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs);
  const shorterMs = Math.min(a.endMs - a.startMs, b.endMs - b.startMs);
  return overlapMs > PAD_MS || (overlapMs > 0 && overlapMs >= shorterMs / 2);
}

/** Where it was said; where it was heard when nobody said it. */
function spanOf({ spoken, heard }: Group): Span {
  const texts: readonly Span[] = spoken.length > 0 ? spoken : heard;
  return {
    track: (texts[0] as Span).track,
    startMs: Math.min(...texts.map(({ startMs }) => startMs)),
    endMs: Math.max(...texts.map(({ endMs }) => endMs)),
  };
}

function textOf(texts: readonly { text: string }[]): string {
  return texts.map(({ text }) => text).join(" ");
}

function delayOf(group: Group, startedAt: number): number | null {
  const last = group.heard.at(-1);
  if (group.spoken.length === 0 || last === undefined) return null;
  return last.arrivedAt - (startedAt + spanOf(group).endMs);
}
