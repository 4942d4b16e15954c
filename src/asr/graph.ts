/**
 * One run of the exported graph: what goes in and what comes out of it as tensors, see models/README.md.
 */
import { type InferenceSession, Tensor } from "onnxruntime-node";
import type { Attention } from "./alignment.ts";
import { CONTEXT_POSITIONS, type Draft, joinKept, NO_DRAFT } from "./draft.ts";
import type { HintInputs } from "./hint-inputs.ts";
import type { WhisperMetadata } from "./metadata.ts";

/** Prompts are padded to a multiple of this. */
const PROMPT_MULTIPLE = 4;

export interface GraphInputs {
  audio: PaddedAudio;
  /** Of each row. */
  prompts: readonly number[][];
  beam: number;
  /** Tokens at most. */
  limit: number;
  align?: boolean;
  hints: HintInputs;
  /** Of each row, whether it is so short that it can be an answer of a word only; absent: none. */
  answers?: readonly boolean[];
  /** Of each row; absent: nothing is gone on from, and nothing kept. */
  drafts?: readonly Draft[] | undefined;
}

/** A padded batch. pcm: [rows, width]; windows: samples of each row that the encoder sees. */
export interface PaddedAudio {
  pcm: Float32Array;
  width: number;
  windows: number[];
}

/**
 * @param width - Samples of each row, the longest window or more.
 * @param leads - Zeros in front of each row, samples; default none.
 */
export function padded(
  utterances: readonly { pcm16k: Float32Array }[],
  windows: number[],
  width: number,
  leads: number[] = [],
): PaddedAudio {
  const pcm = new Float32Array(utterances.length * width);
  for (const [row, { pcm16k }] of utterances.entries()) pcm.set(pcm16k, row * width + (leads[row] ?? 0));
  return { pcm, width, windows };
}

/** Prompts padded on the left to one length, which keeps a row's sums grouped as they are when it is alone (models/README.md). */
function promptInputs(prompts: readonly number[][], filler: number): Record<string, Tensor> {
  const longest = Math.max(...prompts.map(({ length }) => length));
  const columns = Math.ceil(longest / PROMPT_MULTIPLE) * PROMPT_MULTIPLE;
  const starts = prompts.map(({ length }) => columns - length);
  const tokens = prompts.flatMap((prompt, row) => [
    ...new Array<number>(starts[row] as number).fill(filler),
    ...prompt,
  ]);
  return {
    prompt: int64(tokens, [prompts.length, columns]),
    prompt_start: int64(starts, [prompts.length]),
  };
}

function int64(values: number[], dims: number[]): Tensor {
  return new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
}

export async function runGraph(
  session: InferenceSession,
  { vocabulary, tailPool, tailBlocks, encoderLayers, width, tokens }: WhisperMetadata,
  { audio, prompts, beam, limit, align = false, hints, answers, drafts }: GraphInputs,
): Promise<Output> {
  const { pcm, windows } = audio;
  const rows = windows.length;
  const outputs = await session.run({
    pcm: new Tensor("float32", pcm, [rows, audio.width]),
    samples: int64(windows, [rows]),
    ...promptInputs(prompts, tokens.endOfText),
    beam: int64([beam], []),
    max_tokens: int64([limit], []),
    bias: new Tensor("float32", hints.biases.every, [1, vocabulary]),
    bias_first: firstBias(hints, answers),
    ...(tailPool > 0 ? { tail_blocks: int64([tailBlocks], [1]) } : {}),
    align: new Tensor("bool", [align], []),
    ...pastInputs(drafts ?? audio.windows.map(() => NO_DRAFT), 2 * encoderLayers + 1, width),
    keep: new Tensor("bool", [drafts !== undefined], []),
    ...hints.feeds,
  });
  return {
    tokens: (outputs.tokens as Tensor).data as BigInt64Array,
    logprobs: (outputs.logprobs as Tensor).data as Float32Array,
    noSpeech: (outputs.no_speech as Tensor).data as Float32Array,
    alignment: align ? (outputs.alignment as Tensor) : null,
    fresh: drafts ? (outputs.new as Tensor) : null,
    peaks: (outputs.peak as Tensor).data as Float32Array,
  };
}

/** float32 [1, vocabulary], or of each row. */
function firstBias({ biases: { first, answer } }: HintInputs, answers: readonly boolean[] = []): Tensor {
  if (answer === first || !answers.includes(true)) return new Tensor("float32", first, [1, first.length]);
  const rows = new Float32Array(answers.length * first.length);
  for (const [row, short] of answers.entries()) rows.set(short ? answer : first, row * first.length);
  return new Tensor("float32", rows, [answers.length, first.length]);
}

/** Positions at the head of all rows that are context: none while all utterances begin here. */
export function contextOf(drafts: readonly Draft[]): number {
  return drafts.some(({ positions }) => positions > 0) ? CONTEXT_POSITIONS : 0;
}

function pastInputs(drafts: readonly Draft[], parts: number, width: number): Record<string, Tensor> {
  const rows = drafts.length;
  const values = joinKept(drafts, parts, width);
  const positions = drafts.map((draft) => draft.positions);
  return {
    past: new Tensor("float32", values, [parts, rows, Math.max(...positions), width]),
    past_positions: int64(positions, [rows]),
    past_context: int64([contextOf(drafts)], [1]),
    past_peak: new Tensor(
      "float32",
      Float32Array.from(drafts, ({ peak }) => peak),
      [rows],
    ),
  };
}

/** Flat, rows one behind the other. */
export interface Output {
  tokens: BigInt64Array;
  logprobs: Float32Array;
  noSpeech: Float32Array;
  alignment: Tensor | null;
  /** What the encoder made of the new positions, [parts, rows, positions, width]. */
  fresh: Tensor | null;
  /** Loudest log10 mel energy of each row. */
  peaks: Float32Array;
}

/** One row of it. */
export function rowOf({ tokens, logprobs, alignment }: Output, row: number, rows: number) {
  const width = tokens.length / rows;
  return {
    tokens: Array.from(tokens.subarray(row * width, (row + 1) * width), Number),
    logprobs: logprobs.subarray(row * width, (row + 1) * width),
    attention: alignment && attentionOf(alignment, row),
  };
}

/** Cross-attention of one row of a batch, [rows, heads, tokens, positions]. */
function attentionOf({ data, dims }: Tensor, row: number): Attention {
  const [, heads, rows, width] = dims as [number, number, number, number];
  const size = heads * rows * width;
  return { weights: (data as Float32Array).subarray(row * size, (row + 1) * size), heads, rows, width };
}
