/**
 * What the graph gives for a batch, row by row; see models/README.md.
 */
import type { Tensor } from "onnxruntime-node";
import type { Attention } from "./alignment.ts";

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
