/**
 * What is hard: no speech at all, music under speech, speech without pauses, single digits.
 */
import { LinescribeError } from "../../src/base/error.ts";
import type { Clip } from "../corpus.ts";
import { readPromptClips } from "../recordings/prompts.ts";
import { stringUtterances } from "../recordings/utterances.ts";
import { type BenchServer, startBenchServer } from "../server.ts";
import { DIGIT_HINTS, type DigitsResult, playDigits, recogniseDigits } from "./digits.ts";
import { LIMITS } from "./limits.ts";
import { LONG_SECONDS, measureLong } from "./long.ts";
import { type NoiseResult, noises, playNoise, playOverMusic } from "./noise.ts";
import { noted, type PartContext, type PartResult, round } from "./part.ts";
import { evenly } from "./parts-speech.ts";
import { halfOfSpeakers, scoreRow } from "./score.ts";

const MUSIC_SECONDS = 240;
/** Level of speech over music; null without music. */
const RATIOS_DB = [null, 10, 5, 0] as const;

export async function measureNoise({ engine, root }: PartContext): Promise<PartResult> {
  const server = await startBenchServer(engine);
  const results: NoiseResult[] = [];
  for (const noise of noises(root)) results.push(await playNoise(server, noise));
  await server.stop();
  const minutes = results.reduce((sum, result) => sum + result.minutes, 0);
  const words = results.reduce((sum, result) => sum + result.words, 0);
  const gaps = results.reduce((sum, result) => sum + result.gaps, 0);
  const wordsPerHour = (60 * words) / minutes;
  return {
    rows: [],
    notes: [
      `nobody speaks: ${words} words and ${gaps} gaps in ${minutes.toFixed(1)} minutes`,
      ...results.flatMap(noiseNotes),
    ],
    checks: [{ limit: LIMITS.noise, value: wordsPerHour }],
    faults: [],
    figures: { noise: { minutes: round(minutes, 1), words, gaps, wordsPerHour: round(wordsPerHour, 2) } },
  };
}

function noiseNotes({ kind, minutes, words, gaps, finals }: NoiseResult): string[] {
  const perHour = ((60 * words) / minutes).toFixed(0).padStart(4);
  return [
    `  ${kind.padEnd(34)} ${minutes.toFixed(1).padStart(4)} minutes ${perHour} words per hour, ${gaps} gaps`,
    ...finals.map(
      ({ startMs, endMs, text, confidence }) => `    ${startMs}-${endMs} ms, ${confidence}: "${text}"`,
    ),
  ];
}

export async function measureMusic(context: PartContext): Promise<PartResult> {
  const { engine, root } = context;
  if (root === null) return noted("speech over music is left out: no packaged recordings");
  const clips = evenly(speechOf(context), MUSIC_SECONDS);
  const server = await startBenchServer(engine);
  const result = noted(`${clips.length} clips over hold music, levels as RMS of speech over RMS of music`);
  const figures: Record<string, number> = {};
  for (const ratioDb of RATIOS_DB) {
    const pairs = await playOverMusic(server, root, clips, ratioDb);
    const name = ratioDb === null ? "the same clips without music" : `speech ${ratioDb} dB over music`;
    const row = scoreRow(name, pairs, halfOfSpeakers);
    result.rows.push(row);
    figures[ratioDb === null ? "none" : `db${ratioDb}`] = round(row.all.wer);
  }
  await server.stop();
  return { ...result, figures: { music: figures } };
}

export async function measureLongSpeech(context: PartContext): Promise<PartResult> {
  const speech = speechOf(context);
  if (lengthOf(speech) < LONG_SECONDS)
    return noted("long speech is left out: less than ten minutes of clips");
  const server = await startBenchServer(context.engine);
  const { separate, joined, seconds, longestPauseMs } = await measureLong(context.engine, server, speech);
  await server.stop();
  const rows = [
    scoreRow("ten minutes, its clips one by one", separate, () => null),
    scoreRow("ten minutes without a pause, live", joined, () => null),
  ];
  const [apart, together] = rows.map(({ all }) => all.wer) as [number, number];
  const points = 100 * (together - apart);
  return {
    rows,
    notes: [`${seconds.toFixed(0)} s, the longest pause ${longestPauseMs} ms`],
    checks: [{ limit: LIMITS.long, value: points }],
    faults: [],
    figures: { long: { separate: round(apart), joined: round(together), points: round(points, 2) } },
  };
}

/** The clips of the folder if they are ten minutes, else utterances of the second set. */
function speechOf({ clips, root }: PartContext): readonly Clip[] {
  if (lengthOf(clips) >= LONG_SECONDS || root === null) return clips;
  return stringUtterances(readPromptClips(root, "en"));
}

function lengthOf(clips: readonly Clip[]): number {
  return clips.reduce((sum, clip) => sum + clip.seconds, 0);
}

export async function measureDigits({ engine, digits }: PartContext): Promise<PartResult> {
  if (digits.length === 0) return noted("single digits are left out: the folder has no digits.jsonl");
  const isolated = await recogniseDigits(engine, digits);
  const plain = await startBenchServer(engine);
  const live = await playDigits(plain, digits, 0);
  await plain.stop();
  const result = noted(digitsNote("one by one", digits, isolated));
  result.notes.push(digitsNote("live", digits, live));
  result.checks.push({ limit: LIMITS.digits, value: live.right });
  const hinting = await hintingServer(engine);
  if (hinting === null) {
    result.notes.push("with hints: left out, numbers have no hints");
    return { ...result, figures: { digits: { right: isolated.right, live: live.right, of: digits.length } } };
  }
  const hinted = await recogniseDigits(engine, digits, DIGIT_HINTS);
  const hintedLive = await playDigits(hinting, digits, 0);
  await hinting.stop();
  result.notes.push(digitsNote("one by one with hints", digits, hinted));
  result.notes.push(digitsNote("live with hints", digits, hintedLive));
  result.checks.push({ limit: LIMITS.hintedDigits, value: hintedLive.right });
  const right = {
    right: isolated.right,
    live: live.right,
    hinted: hinted.right,
    hintedLive: hintedLive.right,
  };
  return { ...result, figures: { digits: { ...right, of: digits.length } } };
}

/** Null where the configuration of a number knows no hints. */
async function hintingServer(engine: PartContext["engine"]): Promise<BenchServer | null> {
  try {
    return await startBenchServer(engine, [{ language: "en", hints: DIGIT_HINTS }]);
  } catch (error) {
    if (error instanceof LinescribeError && error.code === "CONFIG_INVALID") return null;
    throw error;
  }
}

function digitsNote(how: string, digits: readonly Clip[], { right, wrong }: DigitsResult): string {
  return `${right} of ${digits.length} single digits, ${how}${wrong.length > 0 ? `; not: ${wrong.join(", ")}` : ""}`;
}
