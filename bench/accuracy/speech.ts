/**
 * Speech with known words, one clip at a time and strung into calls.
 */
import type { Engine } from "../../src/app/engine.ts";
import { resample } from "../../src/audio/resample.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../../src/base/time.ts";
import { callFromClips } from "../../src/cli/replay/sound-call.ts";
import type { Clip } from "../corpus.ts";
import { finishedFinals } from "../finished.ts";
import { type BenchServer, textOf } from "../server.ts";
import { halfOfName, type Pair } from "./score.ts";

const CLIPS_PER_CALL = 12;
const GAP_MS = 1000;
/** Calls played at once: what the delay was measured under. */
export const CALLS_AT_ONCE = 4;
/** Clips handed over together where speed is not what is measured. */
const CLIPS_AT_ONCE = 8;

/** What the recogniser may be told about an utterance; hints are left out where there are none. */
interface Spoken {
  pcm16k: Float32Array;
  language: string;
  hints?: readonly string[];
}

export function spokenOf({ pcm8k }: Clip, language = "en", hints?: readonly string[]): Spoken {
  const spoken = { pcm16k: resample(pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ), language };
  return hints ? { ...spoken, hints } : spoken;
}

/** Each clip straight into the recogniser, one at a time; with how many times faster than real time that went. */
export async function recogniseTimed(
  { recogniser }: Engine,
  clips: readonly Clip[],
): Promise<{ pairs: Pair[]; realTimeFactor: number }> {
  const pairs: Pair[] = [];
  let decodeMs = 0;
  for (const clip of clips) {
    const spoken = spokenOf(clip);
    const startedAt = performance.now();
    const result = await recogniser.recognise([spoken])[0];
    decodeMs += performance.now() - startedAt;
    pairs.push(pairOf(clip, result?.text ?? ""));
  }
  const seconds = clips.reduce((sum, clip) => sum + clip.seconds, 0);
  return { pairs, realTimeFactor: (seconds * 1000) / decodeMs };
}

/** Each clip straight into the recogniser, several at once. */
export async function recogniseAll(
  { recogniser }: Engine,
  clips: readonly Clip[],
  language = "en",
  hints?: readonly string[],
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let at = 0; at < clips.length; at += CLIPS_AT_ONCE) {
    const some = clips.slice(at, at + CLIPS_AT_ONCE);
    const results = await Promise.all(
      recogniser.recognise(some.map((clip) => spokenOf(clip, language, hints))),
    );
    some.forEach((clip, index) => {
      pairs.push(pairOf(clip, results[index]?.text ?? ""));
    });
  }
  return pairs;
}

export interface LiveResult {
  pairs: Pair[];
  /** From the last sample of speech of a clip to the arrival of the final that holds it, ms; in real time only. */
  delays: number[];
  lost: number;
  errors: number;
  calls: number;
}

/** Calls of 12 clips with 1 s between, through the whole product: in real time four at once, else one by one. */
export async function playClips(
  server: BenchServer,
  clips: readonly Clip[],
  speed: 1 | "max",
  setting = 0,
): Promise<LiveResult> {
  // One speaker a call where possible: callers do not change in mid-call.
  const ordered = [...clips].sort((a, b) => (a.speaker < b.speaker ? -1 : a.speaker > b.speaker ? 1 : 0));
  const waiting: Clip[][] = [];
  for (let at = 0; at < ordered.length; at += CLIPS_PER_CALL)
    waiting.push(ordered.slice(at, at + CLIPS_PER_CALL));
  const result: LiveResult = { pairs: [], delays: [], lost: 0, errors: 0, calls: waiting.length };
  const playNext = async (): Promise<void> => {
    for (let call = waiting.shift(); call; call = waiting.shift()) {
      const strung = callFromClips(call, GAP_MS);
      const played = await server.play(strung.call, speed, setting);
      result.errors += played.errors;
      result.lost += played.lost;
      result.pairs.push(pairOfCall(call, textOf(played)));
      const ends = strung.clips.map(({ startMs }, index) => startMs + (call[index] as Clip).speechEndMs);
      for (const [index, final] of finishedFinals(played.finals, ends).entries()) {
        if (final) result.delays.push(final.at - (played.startedAt + (ends[index] as number)));
      }
    }
  };
  await Promise.all(Array.from({ length: speed === 1 ? CALLS_AT_ONCE : 1 }, playNext));
  return result;
}

/** As `playClips` at full speed, with no call that has clips of both halves. */
export async function playHalves(
  server: BenchServer,
  clips: readonly Clip[],
  setting = 0,
): Promise<LiveResult> {
  const [tune, report] = [
    await playClips(
      server,
      clips.filter((clip) => halfOfName(clip) === "tune"),
      "max",
      setting,
    ),
    await playClips(
      server,
      clips.filter((clip) => halfOfName(clip) === "report"),
      "max",
      setting,
    ),
  ];
  return {
    pairs: [...tune.pairs, ...report.pairs],
    delays: [],
    lost: tune.lost + report.lost,
    errors: tune.errors + report.errors,
    calls: tune.calls + report.calls,
  };
}

function pairOf({ id, speaker, text }: Clip, hypothesis: string): Pair {
  return { id, speakers: [speaker], reference: text, hypothesis };
}

export function pairOfCall(clips: readonly Clip[], hypothesis: string): Pair {
  return {
    id: clips[0]?.id ?? "",
    speakers: clips.map(({ speaker }) => speaker),
    reference: clips.map(({ text }) => text).join(" "),
    hypothesis,
  };
}
