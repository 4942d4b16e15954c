/**
 * What a recogniser is given to work with.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { BatchRules } from "./batch-rules.ts";
import type { Device } from "./device.ts";
import type { WhisperWorkerData } from "./whisper-worker.ts";

export interface ModelFiles {
  modelPath: string;
  tokenizerPath: string;
}

/** Cards, which recognise everything while one of them is up. All run the same model. */
export interface CardPlan extends ModelFiles {
  /** A worker each; a card named twice has two. In tests and benches a processor may stand in for a card. */
  devices: readonly Device[];
  /** Whether the start fails when one of them does. Default false: when none comes up; the others are tried again. */
  needsAll?: boolean;
  /** What differs from `CARD_RULES`. */
  rules?: Partial<BatchRules>;
  /**
   * Whether each worker runs the largest batches that it may be given before it is ready. Default true; a processor in the place
   * of a card would take many minutes.
   */
  warmUp?: boolean;
  /** A card that does not come up is tried again after this long, and then after twice as long each time, up to 60 times as long. Default 1000 ms. */
  retryMs?: number;
  /** When no card has been up for this long, all processors are started. Default 5000 ms. */
  patienceMs?: number;
  /** How long one inference may take per second of its audio, default 50 ms, and at least, default 10,000 ms. */
  timeoutMsPerSecond?: number;
  timeoutMinimumMs?: number;
}

/** The files are those of the processors' model. */
export interface RecogniserOptions extends ModelFiles {
  /** Worker threads on the processor, each with a session of its own: all there are, or what cards fall back on. */
  workers: number;
  /** Inference threads of each of them. */
  threads: number;
  /** What differs from `CPU_RULES`. */
  rules?: Partial<BatchRules>;
  /** Default null: none. */
  cards?: CardPlan | null;
  /** Beam width of finals that are searched again, 1 to 5, see `ladder.ts`. Default 3. */
  beam?: number;
  /** Finals that may wait. Default 1000, with cards 4096; one more is refused with `ASR_OVERLOADED`. */
  queueMaximum?: number;
  /** How long one inference may take per second of its audio, default 2000 ms, and at least, default 20,000 ms. */
  timeoutMsPerSecond?: number;
  timeoutMinimumMs?: number;
  /** Niceness of the inference threads. Default 5. */
  niceness?: number;
  /** Starts a worker thread; for fault injection in tests. */
  spawn?: (data: WhisperWorkerData) => Worker;
  logger: Logger;
  counters: Counters;
}

const QUEUE_MAXIMUM = 1000;
/** What 2000 calls say within some ten seconds: as long as a card takes to come up again. */
const QUEUE_MAXIMUM_OF_CARDS = 4096;

export type SettledOptions = Required<Omit<RecogniserOptions, "spawn">> & Pick<RecogniserOptions, "spawn">;

/** The options with every default in its place. */
export function settleOptions(options: RecogniserOptions): SettledOptions {
  return {
    beam: 3,
    rules: {},
    cards: null,
    queueMaximum: options.cards ? QUEUE_MAXIMUM_OF_CARDS : QUEUE_MAXIMUM,
    timeoutMsPerSecond: 2000,
    timeoutMinimumMs: 20_000,
    niceness: 5,
    ...options,
  };
}
