/**
 * The calls of a bench: clips on one track or on two that take turns, the same for the same number every time.
 */
import { MULAW_SILENCE } from "../src/audio/g711.ts";
import { PHONE_SAMPLES_PER_MS } from "../src/base/time.ts";
import type { Track } from "../src/transcript/event.ts";
import type { Clip } from "./corpus.ts";
import { type SpokenWord, spokenWords } from "./words.ts";

export interface PlannedCall {
  /** mu-law at 8 kHz, of `inbound` and, of two tracks, `outbound`; all as long. */
  sounds: Uint8Array[];
  clips: { track: Track; startMs: number; speechEndMs: number; words: SpokenWord[] }[];
}

export interface PlanOptions {
  twoTracks: boolean;
  /** Audio of one call, at least, ms. */
  callMs: number;
}

/** The silence between clips that makes 88 % speech of one track, or 45 % of each of two that take turns. */
const GAP_MS = { one: 1000, two: 850 };
/** So many clips further on the next call begins. */
const STEP = 7;

/**
 * How many different calls there are: from then on they come again, each with the number that is as many lower. Who
 * plays thousands plans and plays alone only these.
 */
export function differentCalls(clips: readonly Clip[]): number {
  return clips.length % STEP === 0 ? clips.length / STEP : clips.length;
}

/** The call with this number. */
export function planCall(
  clips: readonly Clip[],
  index: number,
  { twoTracks, callMs }: PlanOptions,
): PlannedCall {
  const gapMs = twoTracks ? GAP_MS.two : GAP_MS.one;
  const planned: PlannedCall["clips"] = [];
  const parts: { track: Track; startMs: number; mulaw: Uint8Array }[] = [];
  let atMs = gapMs;
  for (let next = index * STEP; atMs < callMs; next++) {
    const clip = clips[next % clips.length] as Clip;
    const track: Track = twoTracks && parts.length % 2 === 1 ? "outbound" : "inbound";
    parts.push({ track, startMs: atMs, mulaw: clip.mulaw });
    planned.push({ track, startMs: atMs, speechEndMs: atMs + clip.speechEndMs, words: spokenWords(clip) });
    atMs += Math.ceil(clip.mulaw.length / PHONE_SAMPLES_PER_MS) + gapMs;
  }
  const tracks = twoTracks ? (["inbound", "outbound"] as const) : (["inbound"] as const);
  const sounds = tracks.map((track) => {
    const whole = new Uint8Array(atMs * PHONE_SAMPLES_PER_MS).fill(MULAW_SILENCE);
    for (const part of parts) {
      if (part.track === track) whole.set(part.mulaw, part.startMs * PHONE_SAMPLES_PER_MS);
    }
    return whole;
  });
  return { sounds, clips: planned };
}
