/**
 * How utterances are put together to batches: small ones on processor cores, large ones on a card.
 */
import { MODEL_RATE_HZ } from "../base/time.ts";
import { steppedSamples } from "./window.ts";

export interface BatchRules {
  /** Utterances in one inference at most. */
  rows: number;
  /** Samples of one inference at most, padding included; one utterance alone may have more. */
  paddedSamples: number;
  /** Share of them that may be padding for the sake of the longest, 0..1. */
  wasteShare: number;
  /** How long a worker that is free waits for more utterances, ms; 0: not at all. */
  gatherMs: number;
  /** Whether lengths are rounded up to a few, so that memory is asked for in the same sizes again. */
  stepped: boolean;
  /** Whether speculative finals fill up a batch of finals. */
  mixed: boolean;
  /** Whether what the encoder made of an utterance is kept for its next partial and its second search. */
  keepsStates: boolean;
}

/** One thread works on a batch in turn, row by row: a long one only makes others wait. */
export const CPU_RULES: BatchRules = {
  rows: 4,
  // What comes next does not wait long.
  paddedSamples: 8 * MODEL_RATE_HZ,
  wasteShare: 0.2,
  gatherMs: 0,
  stepped: false,
  mixed: false,
  keepsStates: true,
};

/**
 * A card takes a step of the decoder for 64 rows in the time of one, so a batch is worth waiting for.
 *
 * `paddedSamples` bounds its memory. Per second of padded audio, that is 50 positions, for width d, L decoder layers
 * and 2-byte floats (base: d = 512, L = 6; large-v3-turbo: d = 1280, L = 4), at the place where most is alive:
 *
 * | | bytes per second | base | turbo |
 * |---|---|---|---|
 * | mel: frames of 400 and 402 columns, float32 | 100 x 802 x 4 | 0.3 MB | 0.3 MB |
 * | encoder: 2 d of state, 8 d of feed-forward | 50 x 10 d x 2 | 0.5 MB | 1.3 MB |
 * | cross-attention keys and values | 50 x 2 L d x 2 | 0.6 MB | 1.0 MB |
 *
 * and per row, with a beam of 3 and 52 tokens (5 s):
 *
 * | | bytes | base | turbo |
 * |---|---|---|---|
 * | self-attention cache, old and new | 2 x 3 x 52 x 2 L d x 2 | 3.8 MB | 6.4 MB |
 * | logits and three more of their size, float32 | 4 x 3 x 51,866 x 4 | 2.5 MB | 2.5 MB |
 * | attention scores of one layer, twice: H heads (8, 20), 250 positions | 2 x H x 250^2 x 2 | 2 MB | 5 MB |
 * | tail of 64 blocks | 64 x 2 L d x 2 | 0.8 MB | 1.3 MB |
 *
 * So 320 s in 64 rows of 5 s need 320 x 1.4 + 64 x 9 MB = 1.0 GB for base and 320 x 2.6 + 64 x 15 MB = 1.8 GB for turbo. In
 * 10 rows of 30 s scores are 36 times as large each: 1.2 and 2.7 GB. ONNX Runtime's arena grows by powers of two, so twice
 * that may be taken, beside the weights. Computed, not measured: what a card has room for is tried when it is started.
 */
export const CARD_RULES: BatchRules = {
  rows: 64,
  paddedSamples: 320 * MODEL_RATE_HZ,
  // A short batch costs a card as many steps as a full one; padding costs the encoder only.
  wasteShare: 0.35,
  // A batch takes some 20 steps of 0.5 to 1 ms: waiting half as long fills it, and nobody notices.
  gatherMs: 10,
  stepped: true,
  mixed: true,
  // 27 KB a position for base, 333 KB for turbo would go over the bus and through the host's memory twice.
  keepsStates: false,
};

/** Samples of each row of a batch, padding included, whose longest window is `samples`. */
export function widthOf(samples: number, { stepped }: Pick<BatchRules, "stepped">): number {
  return stepped ? steppedSamples(samples) : samples;
}

/** Samples of an inference, padding included. */
export function paddedSamples(windows: readonly number[], rules: Pick<BatchRules, "stepped">): number {
  return widthOf(Math.max(...windows), rules) * windows.length;
}
