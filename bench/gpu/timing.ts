/**
 * What one inference takes: batch size by length of utterance, the share of encoder and decoder, and how far that is from
 * what the device can do.
 *
 * As in `bench -- engine` the encoder's time is that of an inference which may say one token (so it includes the prompt
 * and the first step); the rest is the decoder's, one step for each further token of the longest hypothesis.
 */
import type { BatchRules } from "../../src/asr/batch-rules.ts";
import { faultOf } from "../../src/asr/fault.ts";
import type { UtteranceAudio, Whisper } from "../../src/asr/whisper.ts";
import { messageOf } from "../../src/base/error.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";
import { percentile } from "../percentile.ts";
import { encoderFlops, positionsOf, type StoredBytes, stepBytes, type WhisperSizes } from "./arithmetic.ts";
import type { Peak } from "./cards.ts";
import { forcedTokens } from "./forced-whisper.ts";

export interface TimingOptions {
  batches: readonly number[];
  seconds: readonly number[];
  /** See `GpuOptions`. */
  tokensPerSecond: number | null;
  sizes: WhisperSizes;
  stored: StoredBytes;
  /** Of the device: how long rows are made. */
  rules: Pick<BatchRules, "stepped">;
  peak: Peak | null;
  /** Batches of more audio than this are left out, seconds. */
  longestBatchSeconds: number;
  /** Each cell is measured until it took this long, and at least three times, ms. */
  cellMs: number;
}

/** One batch size and length; times of the whole batch, ms. */
export interface Cell {
  seconds: number;
  batch: number;
  totalMs: number;
  encoderMs: number;
  decoderMs: number;
  /** Steps of the decoder behind the first. */
  steps: number;
  stepMs: number | null;
  /** Of all rows. */
  tokensPerSecond: number;
  realTimeFactor: number;
  encoderGflops: number;
  decoderGbs: number | null;
}

/** Start of transcript, language, task, no times, padded to four. */
const PROMPT_TOKENS = 4;
const LEAST_RUNS = 3;
const CELL = 12;

/** Measures and prints row by row. */
export async function timeBatches(
  whisper: Whisper,
  speech: Float32Array,
  options: TimingOptions,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  console.log(HEADINGS.map((heading) => heading.padStart(CELL)).join(""));
  for (const seconds of options.seconds) {
    for (const batch of options.batches) {
      if (batch > 1 && batch * seconds > options.longestBatchSeconds) continue;
      const cell = await tryToMeasure(whisper, speech, { seconds, batch }, options);
      if (cell === null) {
        const missing = [`${seconds}`, `${batch}`].map((text) => text.padStart(CELL));
        console.log(`${missing.join("")}   does not fit the memory of the device`);
        break;
      }
      cells.push(cell);
      console.log(
        row(cell, options.peak)
          .map((text) => text.padStart(CELL))
          .join(""),
      );
    }
  }
  return cells;
}

/** Null when there is no memory for it. */
async function tryToMeasure(...args: Parameters<typeof measure>): Promise<Cell | null> {
  try {
    return await measure(...args);
  } catch (error) {
    if (faultOf(messageOf(error)) !== "memory") throw error;
    return null;
  }
}

async function measure(
  whisper: Whisper,
  speech: Float32Array,
  { seconds, batch }: { seconds: number; batch: number },
  { tokensPerSecond, sizes, stored, rules, cellMs }: TimingOptions,
): Promise<Cell> {
  const limit = tokensPerSecond === null ? {} : { limit: forcedTokens(seconds, tokensPerSecond) };
  const batches = cut(speech, seconds, batch);
  const [whole, first, steps, tokens]: [number[], number[], number[], number[]] = [[], [], [], []];
  // Memory of a new shape is asked for in the first run.
  await whisper.recognise(batches(), { beam: 1, ...limit });
  for (const began = performance.now(); performance.now() - began < cellMs || whole.length < LEAST_RUNS; ) {
    const utterances = batches();
    const { ms, recognitions } = await timed(() => whisper.recognise(utterances, { beam: 1, ...limit }));
    whole.push(ms);
    first.push((await timed(() => whisper.recognise(utterances, { beam: 1, limit: 1 }))).ms);
    // End-of-text is a token too, where it came before the limit.
    const said = recognitions.map((each) => Math.min(each.tokens.length + 1, limit.limit ?? Infinity));
    steps.push(Math.max(...said) - 1);
    tokens.push(said.reduce((sum, count) => sum + count, 0));
  }
  const [totalMs, encoderMs, allSteps, allTokens] = [whole, first, steps, tokens].map((values) =>
    percentile(values, 0.5),
  ) as [number, number, number, number];
  const decoderMs = Math.max(0, totalMs - encoderMs);
  const stepMs = allSteps > 0 && decoderMs > 0 ? decoderMs / allSteps : null;
  const positions = positionsOf(seconds, sizes, rules);
  const bytes = stepBytes(sizes, stored, { rows: batch, positions, said: PROMPT_TOKENS + allSteps / 2 });
  return {
    seconds,
    batch,
    totalMs,
    encoderMs,
    decoderMs,
    steps: allSteps,
    stepMs,
    tokensPerSecond: (1000 * allTokens) / totalMs,
    realTimeFactor: (batch * seconds * 1000) / totalMs,
    encoderGflops: (batch * encoderFlops(sizes, positions)) / encoderMs / 1e6,
    decoderGbs: stepMs && bytes / stepMs / 1e6,
  };
}

/** Batches of other pieces of the speech each time. */
function cut(speech: Float32Array, seconds: number, batch: number): () => UtteranceAudio[] {
  const samples = Math.round(seconds * MODEL_RATE_HZ);
  let at = 0;
  return () =>
    Array.from({ length: batch }, () => {
      at = (at + samples) % (speech.length - samples);
      return { pcm16k: speech.slice(at, at + samples), language: "en" };
    });
}

async function timed(work: () => ReturnType<Whisper["recognise"]>) {
  const startedAt = performance.now();
  const recognitions = await work();
  return { ms: performance.now() - startedAt, recognitions };
}

const HEADINGS = [
  ["seconds", "batch", "total ms", "encoder ms", "decoder ms"],
  ["steps", "ms a step", "tokens/s", "x real time"],
  ["GFLOP/s", "% of peak", "GB/s", "% of peak"],
].flat();

function row(cell: Cell, peak: Peak | null): string[] {
  const share = (value: number | null, most: number | undefined) =>
    value === null || most === undefined ? "-" : ((100 * value) / most).toFixed(1);
  return [
    `${cell.seconds}`,
    `${cell.batch}`,
    ...[cell.totalMs, cell.encoderMs, cell.decoderMs].map((ms) => ms.toFixed(1)),
    `${cell.steps}`,
    cell.stepMs?.toFixed(2) ?? "-",
    cell.tokensPerSecond.toFixed(0),
    cell.realTimeFactor.toFixed(1),
    cell.encoderGflops.toFixed(0),
    share(cell.encoderGflops, peak?.gflops),
    cell.decoderGbs?.toFixed(2) ?? "-",
    share(cell.decoderGbs, peak?.gbs),
  ];
}
