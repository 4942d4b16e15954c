/**
 * How much a Whisper has to compute and to read, from its sizes: what times are compared with a device's limits by.
 */

import { type BatchRules, CPU_RULES, widthOf } from "../../src/asr/batch-rules.ts";
import { PAD_SAMPLES, POSITION_SAMPLES, windowSamples } from "../../src/asr/window.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";

export interface WhisperSizes {
  /** W. */
  width: number;
  encoderLayers: number;
  decoderLayers: number;
  melBands: number;
  vocabulary: number;
  /** Positions of one block of the silent tail, and blocks; 0 without a tail. */
  tailPool: number;
  tailBlocks: number;
}

/** How the decoder's numbers are stored, bytes each. */
export interface StoredBytes {
  weight: number;
  /** The token embedding, which gives the logits. */
  embedding: number;
  cache: number;
}

/** Positions of 20 ms that the encoder works on for an utterance of `seconds`, padding included. */
export function positionsOf(
  seconds: number,
  { tailPool }: Pick<WhisperSizes, "tailPool">,
  rules: Pick<BatchRules, "stepped"> = CPU_RULES,
): number {
  const window = windowSamples(Math.round(seconds * MODEL_RATE_HZ), tailPool, PAD_SAMPLES);
  return widthOf(window, rules) / POSITION_SAMPLES;
}

/**
 * Floating-point operations (a multiplication and an addition are two) from mel bands to the keys and values that the
 * decoder listens to, for one utterance of `positions`. The matrix products: the spectrogram, norms, GELU and softmax are
 * left out, which is 1 to 3 % of it.
 *
 * - Two convolutions of three: mel frames (two a position) from bands to W, then positions from W to W.
 * - A layer: queries, keys, values and output, W x W each, the fully connected W x 4 W and back: 12 W² products a
 *   position; and attention, W products twice for each pair of positions.
 * - Keys and values for each layer of the decoder, W x W each.
 */
export function encoderFlops(sizes: WhisperSizes, positions: number): number {
  const { width, encoderLayers, decoderLayers, melBands } = sizes;
  const convolutions = 3 * positions * width * (2 * melBands + width);
  const layers = encoderLayers * (12 * width ** 2 * positions + 2 * positions ** 2 * width);
  const memory = decoderLayers * 2 * width ** 2 * positions;
  return 2 * (convolutions + layers + memory);
}

/**
 * Weights that every step of the decoder reads, however many rows it has. A layer: self-attention 4 W², queries and output
 * of cross-attention 2 W², fully connected 8 W²; and the embedding, onto which states are projected.
 */
export function decoderWeights({ width, decoderLayers, vocabulary }: WhisperSizes) {
  return { layers: decoderLayers * 14 * width ** 2, embedding: vocabulary * width };
}

/**
 * Bytes that one greedy step has to read, at least: the weights once, and of each row the keys and values of what it hears
 * (its positions and the tail's blocks) and of what it has said.
 *
 * @param said - Tokens of each row so far, its prompt included; the mean of all steps.
 */
export function stepBytes(
  sizes: WhisperSizes,
  { weight, embedding, cache }: StoredBytes,
  { rows, positions, said }: { rows: number; positions: number; said: number },
): number {
  const { width, decoderLayers, tailBlocks } = sizes;
  const remembered = 2 * decoderLayers * width * (positions + tailBlocks + said);
  const weights = decoderWeights(sizes);
  return weights.layers * weight + weights.embedding * embedding + rows * remembered * cache;
}

/** A block of 32 weights of 8 bits has a scale of 32 bits (models/README.md, Quantisation). */
const BLOCK_BYTES = 1 + 4 / 32;

/** @param precision - Of the model's metadata: `int8`, `int8-rows`, `float`, or for a card `float16`, see models/README.md. */
export function storedBytes(precision: string): StoredBytes {
  if (precision === "float16") return { weight: 2, embedding: 4, cache: 2 };
  const weight = precision.startsWith("int8") ? BLOCK_BYTES : 4;
  return { weight, embedding: weight, cache: 4 };
}
