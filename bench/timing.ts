/**
 * Finals beyond their text, on clips with known words: what each retry costs and gains, how well words are timed, and
 * whether their confidence is what it says. One session, one clip at a time, like the isolated part of `accuracy`.
 *
 * Times are judged against `word-times.jsonl`, which a hidden Markov model made: PocketSphinx 5.1.1 with its US English
 * model, forced to the known words of the wideband twins of the clips. Where two clips are joined at a known
 * time, the last word of the first and the first of the second have to lie there.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { chooseThreads, loadConfig } from "../src/app/config.ts";
import { recogniserFiles } from "../src/app/model-files.ts";
import { RETRIES, type Retry, recogniseFinals } from "../src/asr/ladder.ts";
import { type Recognition, Whisper } from "../src/asr/whisper.ts";
import { resample } from "../src/audio/resample.ts";
import { MODEL_RATE_HZ, PHONE_RATE_HZ } from "../src/base/time.ts";
import { normalizeEnglish } from "../src/score/normalizer.ts";
import { wordErrorRate } from "../src/score/wer.ts";
import { calibrationError, type Guess, guessesOf } from "./calibration.ts";
import { type Clip, readClips, speechFolder } from "./corpus.ts";
import type { BenchOptions } from "./main.ts";
import { percentile } from "./percentile.ts";
import { alignEqual, normalWords } from "./words.ts";
import { machineName } from "./yardstick.ts";

/** Limits of `--check`. */
const BOUNDARY_MS = 80;
const CALIBRATION_ERROR = 0.08;

/** Silence between two clips that are joined. */
const JOIN_MS = 400;
/** Joined clips are together at most this long. */
const JOINED_SECONDS = 20;
const JOINS_MAXIMUM = 24;

type Half = "tune" | "report";

/** A clip as the ladder heard it: the result after each rung, and what the rung cost. */
interface Heard {
  clip: Clip;
  final: Recognition;
  first: Recognition;
  rungs: { retry: Retry | "greedy"; before: Recognition; after: Recognition; ms: number }[];
}

export async function run(args: string[], { json, check }: BenchOptions): Promise<void> {
  const config = loadConfig({ environment: {}, overrides: { insecure: true, host: "127.0.0.1" } });
  const { workers, threads } = chooseThreads(config.asr);
  const clips = readClips(speechFolder(args[0]));
  const whisper = await Whisper.load({
    ...recogniserFiles(config.asr.model, config.models),
    threads,
    spin: workers === 1,
  });
  console.log(`${machineName()}, ${config.asr.model}, ${threads} thread(s), ${clips.length} clips`);
  const heard: Heard[] = [];
  for (const clip of clips) heard.push(await hear(whisper, clip, config.asr.beam));
  const ladder = printLadder(heard);
  const known = knownTimes();
  const words = printWordTimes(heard, known);
  const joins = printJoins(await joinErrors(whisper, clips, known, config.asr.beam));
  const calibration = printCalibration(heard);
  await whisper.close();
  const faults = [
    ...(words > BOUNDARY_MS ? [`median boundary error of words above ${BOUNDARY_MS} ms`] : []),
    ...(joins > BOUNDARY_MS ? [`median boundary error at joins above ${BOUNDARY_MS} ms`] : []),
    ...(calibration > CALIBRATION_ERROR ? [`expected calibration error above ${CALIBRATION_ERROR}`] : []),
  ];
  for (const fault of faults) console.log(`beyond the limit: ${fault}`);
  if (check && faults.length > 0) process.exitCode = 1;
  if (json)
    console.log(JSON.stringify({ ladder, boundaryMs: { words, joins }, calibrationError: calibration }));
}

async function hear(whisper: Whisper, clip: Clip, beam: number): Promise<Heard> {
  const utterance = { pcm16k: resample(clip.pcm8k, PHONE_RATE_HZ, MODEL_RATE_HZ), language: "en" };
  const results: { result: Recognition; ms: number }[] = [];
  const timed = async (search: Promise<Recognition>): Promise<Recognition> => {
    const startedAt = performance.now();
    const result = await search;
    results.push({ result, ms: performance.now() - startedAt });
    return result;
  };
  const searcher: Pick<Whisper, "recognise" | "recogniseAgain"> = {
    recognise: async (utterances, search) => [
      await timed(whisper.recognise(utterances, search).then(([result]) => result as Recognition)),
    ],
    recogniseAgain: (again, draft, search) => timed(whisper.recogniseAgain(again, draft, search)),
  };
  const [final] = (await recogniseFinals(searcher, [utterance], beam)) as [Recognition];
  const [{ result: first }] = results as [(typeof results)[0]];
  let before = first;
  const rungs = results.map(({ result, ms }, index) => {
    const retry = index === 0 ? ("greedy" as const) : (final.retries[index - 1] as Retry);
    // The last that was better is the final; what lies between is judged by what was better then.
    const after = result.logprob > before.logprob || index === 0 ? result : before;
    const rung = { retry, before, after: index === results.length - 1 ? final : after, ms };
    before = rung.after;
    return rung;
  });
  return { clip, final, first, rungs };
}

const errorsOf = (clip: Clip, { text }: Recognition): number => {
  const counts = wordErrorRate([{ reference: clip.text, hypothesis: text }], normalizeEnglish);
  return counts.substitutions + counts.deletions + counts.insertions;
};

function halves(): Record<Half, string[]> {
  return JSON.parse(readFileSync(path.join(import.meta.dirname, "speakers.json"), "utf8"));
}

function printLadder(heard: readonly Heard[]) {
  const speakers = halves();
  const rate = (chosen: readonly Heard[], of: (one: Heard) => Recognition): number =>
    wordErrorRate(
      chosen.map((one) => ({ reference: one.clip.text, hypothesis: of(one).text })),
      normalizeEnglish,
    ).wer;
  const table = (["greedy", ...RETRIES] as const).map((retry) => {
    const rungs = heard.flatMap(({ clip, rungs: all }) =>
      all.filter((rung) => rung.retry === retry).map((rung) => ({ clip, ...rung })),
    );
    const gains = rungs.map(({ clip, before, after }) => errorsOf(clip, before) - errorsOf(clip, after));
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      retry,
      fired: rungs.length,
      better: gains.filter((gain) => gain > 0).length,
      worse: gains.filter((gain) => gain < 0).length,
      errorsFewer: sum(gains),
      seconds: Number((sum(rungs.map(({ ms }) => ms)) / 1000).toFixed(1)),
    };
  });
  console.log("\nretries           fired  better / worse  errors fewer  seconds");
  for (const { retry, fired, better, worse, errorsFewer, seconds } of table) {
    const share = `${fired} (${((100 * fired) / heard.length).toFixed(0)} %)`;
    console.log(
      `${retry.padEnd(12)}${share.padStart(12)}${`${better} / ${worse}`.padStart(16)}${String(errorsFewer).padStart(14)}${seconds.toFixed(1).padStart(9)}`,
    );
  }
  const percent = (value: number) => (100 * value).toFixed(2);
  const of = (half: Half) => heard.filter(({ clip }) => speakers[half].includes(clip.speaker));
  console.log(
    `word error rate: greedy ${percent(rate(heard, ({ first }) => first))} %, with retries ${percent(rate(heard, ({ final }) => final))} % ` +
      `(tune ${percent(rate(of("tune"), ({ final }) => final))}, report ${percent(rate(of("report"), ({ final }) => final))})`,
  );
  return table;
}

interface Times {
  startMs: number;
  endMs: number;
}

type KnownTimes = ReadonlyMap<string, readonly [word: string, startMs: number, endMs: number][]>;

function knownTimes(): KnownTimes {
  const lines = readFileSync(path.join(import.meta.dirname, "word-times.jsonl"), "utf8").split("\n");
  return new Map(
    lines
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .map(({ id, words }) => [id, words]),
  );
}

/** Prints how far the boundaries of words are from those of `word-times.jsonl`; their median distance, ms. */
function printWordTimes(heard: readonly Heard[], known: KnownTimes): number {
  const distances: number[] = [];
  for (const { clip, final } of heard) {
    const reference = known.get(clip.id) ?? [];
    const letters = (word: string) => word.toLowerCase().replace(/[^a-z']/g, "");
    const pairs = alignEqual(
      reference.map(([word]) => word),
      final.words.map(({ word }) => letters(word)),
    );
    for (const [index, position] of pairs) {
      const [, startMs, endMs] = reference[index] as [string, number, number];
      const word = final.words[position] as Times;
      distances.push(Math.abs(word.startMs - startMs), Math.abs(word.endMs - endMs));
    }
  }
  return printDistances("word boundaries, against a forced alignment", distances);
}

function printDistances(what: string, distances: readonly number[]): number {
  if (distances.length === 0) {
    console.log(`${what}: none known for these clips`);
    return 0;
  }
  const ms = (share: number) => Math.round(percentile([...distances], share));
  console.log(`${what}: median ${ms(0.5)} ms, p90 ${ms(0.9)} ms (${distances.length})`);
  return ms(0.5);
}

/**
 * Distances of the words beside each join from it. Each clip is cut where its first word begins and its last one ends, so
 * that the join is known by construction.
 */
async function joinErrors(
  whisper: Whisper,
  clips: readonly Clip[],
  known: KnownTimes,
  beam: number,
): Promise<number[]> {
  const distances: number[] = [];
  const timed = clips.filter(({ id }) => known.has(id));
  for (let index = 0; index + 1 < timed.length && distances.length < 2 * JOINS_MAXIMUM; index += 2) {
    const [first, second] = [cut(timed[index] as Clip, known), cut(timed[index + 1] as Clip, known)];
    const silence = JOIN_MS * (PHONE_RATE_HZ / 1000);
    const joined = new Float32Array(first.length + silence + second.length);
    if (joined.length > JOINED_SECONDS * PHONE_RATE_HZ) continue;
    joined.set(first);
    joined.set(second, first.length + silence);
    const pcm16k = resample(joined, PHONE_RATE_HZ, MODEL_RATE_HZ);
    const [final] = (await recogniseFinals(whisper, [{ pcm16k, language: "en" }], beam)) as [Recognition];
    const endMs = (first.length * 1000) / PHONE_RATE_HZ;
    // The join lies in the middle of the silence: words before it and behind it.
    const before = final.words.findLast((word) => word.startMs < endMs + JOIN_MS / 2);
    const behind = final.words.find((word) => word.startMs >= endMs + JOIN_MS / 2);
    if (before && behind) {
      distances.push(Math.abs(before.endMs - endMs), Math.abs(behind.startMs - endMs - JOIN_MS));
    }
  }
  return distances;
}

const printJoins = (distances: readonly number[]): number =>
  printDistances("words beside the join of two clips", distances);

/** A clip from the beginning of its first word to the end of its last. 8 kHz */
function cut({ id, pcm8k }: Clip, known: KnownTimes): Float32Array {
  const words = known.get(id) ?? [];
  const at = (ms: number) => ms * (PHONE_RATE_HZ / 1000);
  return pcm8k.subarray(at(words[0]?.[1] ?? 0), at(words.at(-1)?.[2] ?? 0));
}

/** Prints how far confidences are from the truth; the expected calibration error of the report half. */
function printCalibration(heard: readonly Heard[]): number {
  const speakers = halves();
  const of = (half: Half): Guess[] =>
    heard
      .filter(({ clip }) => speakers[half].includes(clip.speaker))
      .flatMap(({ clip, final }) => guessesOf(normalWords(clip.text), final.words, normalWords));
  const [tune, report] = [of("tune"), of("report")].map((guesses) => ({
    error: calibrationError(guesses),
    count: guesses.length,
  })) as [{ error: number; count: number }, { error: number; count: number }];
  console.log(
    `confidence of words, expected calibration error: tune ${tune.error.toFixed(3)} (${tune.count}), report ${report.error.toFixed(3)} (${report.count})`,
  );
  return Number(report.error.toFixed(4));
}
