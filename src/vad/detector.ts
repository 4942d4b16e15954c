/**
 * The speech detector: streams are shared out among worker threads, where their frames are judged. Inference never runs
 * on the main thread.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import type { Logger } from "../base/log.ts";
import type { SileroWorkerData } from "./silero-message.ts";
import type { VadStream } from "./stream.ts";
import { StreamGroup } from "./stream-group.ts";

export type { VadStream } from "./stream.ts";

/** 30 s of audio, 1.9 MB. */
const QUEUE_MAXIMUM_FRAMES = 938;

export interface SpeechDetectorOptions {
  /** The Silero file, already verified. */
  modelPath: string;
  logger: Logger;
  /**
   * Receives `vad.frames.added|refused|answered|retried`, `vad.requests`, `vad.runs`, `vad.busyMs`, `vad.workers.lost` and
   * `vad.streams.failed`.
   */
  counters: Counters;
  /** Worker threads, 1..64. Default 1. */
  workers?: number;
  /** Frames waiting to be sent beyond which a stream fails with `VAD_OVERLOADED`, >= 1. Default 938 (30 s). */
  queueMaximumFrames?: number;
  /** For tests: makes the worker thread. */
  createWorker?: (data: SileroWorkerData) => Worker;
  /** For tests: how long a request may take before the worker counts as lost. Default 10 s. */
  answerDeadlineMs?: number;
}

/**
 * A stream goes to the worker that has the fewest and stays there, because the state of the model is there. So what a
 * stream is answered does not depend on the number of workers, and a worker that dies takes nobody along but its own.
 */
export class SpeechDetector {
  readonly #groups: readonly StreamGroup[];
  #opened = 0;
  #closed = false;

  private constructor(groups: readonly StreamGroup[]) {
    this.#groups = groups;
  }

  /**
   * Starts the workers and loads the model in each.
   *
   * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED` or `VAD_WORKER_LOST`; no worker is left then.
   */
  static async start(options: SpeechDetectorOptions): Promise<SpeechDetector> {
    const { workers = 1, queueMaximumFrames = QUEUE_MAXIMUM_FRAMES } = options;
    expectInteger("workers", workers, 1, 64);
    expectInteger("queueMaximumFrames", queueMaximumFrames, 1);
    const starts = await Promise.allSettled(
      Array.from({ length: workers }, (_, index) =>
        StreamGroup.start(index, { ...options, queueMaximumFrames }),
      ),
    );
    const groups = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
    const failure = starts.find((start) => start.status === "rejected");
    if (failure === undefined) return new SpeechDetector(groups);
    await Promise.all(groups.map((group) => group.close()));
    throw failure.reason;
  }

  /** Open streams of each worker. [workers] */
  get streams(): number[] {
    return this.#groups.map((group) => group.size);
  }

  /**
   * Opens a stream with fresh state.
   *
   * @param onProbabilities - Told the speech probabilities of the next frames, 0..1, exactly one a frame and in
   *   order. The array is the receiver's.
   * @param onFailure - Told at most once; the stream is closed by then.
   * @throws {LinescribeError} `VAD_CLOSED` after `close`.
   */
  open(
    onProbabilities: (probabilities: Float32Array) => void,
    onFailure: (error: LinescribeError) => void,
  ): VadStream {
    if (this.#closed) throw new LinescribeError("VAD_CLOSED", "The speech detector is closed");
    this.#opened += 1;
    for (const group of this.#groups) group.revive();
    return this.#emptiest().open(this.#opened, onProbabilities, onFailure);
  }

  /** Fails every stream with `VAD_CLOSED` and ends the workers. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#groups.map((group) => group.close()));
  }

  /** Of the groups whose worker is up; of all where none is. */
  #emptiest(): StreamGroup {
    const up = this.#groups.filter((group) => group.isUp);
    return (up.length > 0 ? up : this.#groups).reduce((least, group) =>
      group.size < least.size ? group : least,
    );
  }
}
