/**
 * What the detector and its worker say to each other.
 */

/** Given to the worker when it starts. */
export interface SileroWorkerData {
  modelPath: string;
}

export type SileroRequest =
  | {
      type: "frames";
      request: number;
      /** Which streams; each at most once. [n] */
      streams: readonly number[];
      /** How many frames of each, >= 1. [n] */
      counts: readonly number[];
      /** All frames of the first stream, then of the next. Transferred. [sum(counts) * 512] */
      samples: Float32Array<ArrayBuffer>;
    }
  /** Frees the state of a stream. */
  | { type: "forget"; stream: number };

export type SileroAnswer =
  | { type: "ready" }
  /** The model could not be loaded; the worker ends. */
  | { type: "unusable"; reason: string }
  | {
      type: "probabilities";
      request: number;
      /** In the order of the request. Transferred. [sum(counts)] */
      probabilities: Float32Array<ArrayBuffer>;
      /** Model runs it took, and their time, ms. */
      runs: number;
      busyMs: number;
    };
