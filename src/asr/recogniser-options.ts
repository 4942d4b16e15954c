/**
 * What a recogniser is given to work with.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";

export interface RecogniserOptions {
  modelPath: string;
  tokenizerPath: string;
  /** Worker threads, each with a session of its own. */
  workers: number;
  /** Inference threads of each worker. */
  threads: number;
  /** Beam width of finals that are searched again, 1 to 5, see `ladder.ts`. Default 3. */
  beam?: number;
  /** Utterances in one inference at most; more than one only while others wait. Default 4. */
  batch?: number;
  /** Finals that may wait. Default 1000; one more is refused with `ASR_OVERLOADED`. */
  queueMaximum?: number;
  /** How long one inference may take per second of its audio, default 2000 ms, and at least, default 20,000 ms. */
  timeoutMsPerSecond?: number;
  timeoutMinimumMs?: number;
  /** Niceness of the inference threads. Default 5. */
  niceness?: number;
  logger: Logger;
  counters: Counters;
}

export type SettledOptions = Required<RecogniserOptions>;

/** The options with every default in its place. */
export function settleOptions(options: RecogniserOptions): SettledOptions {
  return {
    beam: 3,
    batch: 4,
    queueMaximum: 1000,
    timeoutMsPerSecond: 2000,
    timeoutMinimumMs: 20_000,
    niceness: 5,
    ...options,
  };
}
