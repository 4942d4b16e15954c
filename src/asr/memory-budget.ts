/**
 * What one inference of a worker has memory for, as the worker found out, and what the log says of it.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import type { WhisperWorkerData } from "./whisper-worker.ts";

export interface MemoryBudgetOptions {
  data: Pick<WhisperWorkerData, "device" | "rules">;
  logger: Logger;
  counters: Counters;
}

export class MemoryBudget {
  readonly #options: MemoryBudgetOptions;
  #samples: number;

  constructor(options: MemoryBudgetOptions) {
    this.#options = options;
    this.#samples = options.data.rules.paddedSamples;
  }

  /** Samples of one inference, padding included, that fit now. */
  get samples(): number {
    return this.#samples;
  }

  /** The worker is up, and this much fits. */
  loaded(samples: number): void {
    const planned = this.#options.data.rules.paddedSamples;
    this.#samples = samples;
    if (samples >= planned) return;
    const message = "there is no memory for the largest batches: they are smaller from the start";
    this.#warn({ plannedSeconds: secondsOf(planned) }, message);
  }

  /** A batch was answered, in which so many inferences did not fit, and now this much does. */
  answered(outOfMemory: number, samples: number): void {
    this.#samples = samples;
    if (outOfMemory === 0) return;
    this.#options.counters.add("asr.outOfMemory", outOfMemory);
    this.#warn({ outOfMemory }, "batches are made smaller");
  }

  #warn(fields: object, message: string): void {
    const { logger, data } = this.#options;
    const paddedSeconds = secondsOf(this.#samples);
    logger.warn({ code: "ASR_OUT_OF_MEMORY", device: data.device, paddedSeconds, ...fields }, message);
  }
}

function secondsOf(samples: number): number {
  return Math.round(samples / MODEL_RATE_HZ);
}
