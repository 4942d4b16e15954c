/**
 * The workers of a recogniser: each does one batch at a time, and one that dies is replaced.
 */
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import type { Job } from "./job.ts";
import type { SettledOptions } from "./recogniser-options.ts";
import type { Recognition } from "./whisper.ts";
import { WhisperThread } from "./whisper-thread.ts";

/** After this many failed starts in a row a worker is not worth waiting for. */
const MAXIMUM_FAILED_STARTS = 3;

export interface CrewListener {
  /** A worker is ready for a batch. */
  free(): void;
  /** A batch was answered, this long after it began. */
  answered(jobs: readonly Job[], workMs: number): void;
  /** A batch failed, and with it perhaps its worker. */
  failed(jobs: readonly Job[], error: LinescribeError): void;
  /** No worker is up, and none comes up. */
  gone(error: LinescribeError): void;
}

export class Crew {
  readonly threads: readonly WhisperThread[];
  readonly #options: SettledOptions;
  readonly #listener: CrewListener;
  /** Threads whose batch is of files; one that is free again may still stand here. */
  readonly #onFiles = new Set<WhisperThread>();

  constructor(options: SettledOptions, listener: CrewListener) {
    this.#options = options;
    this.#listener = listener;
    this.threads = Array.from({ length: options.workers }, () => this.#createThread());
  }

  /** Resolves when all have loaded the model. */
  async start(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.start()));
  }

  get free(): WhisperThread[] {
    return this.threads.filter((thread) => thread.free);
  }

  /** Whether a worker that is free may take files: one is left to live calls, if there are two. */
  get takesFiles(): boolean {
    const busy = [...this.#onFiles].filter((other) => !other.free).length;
    return busy < Math.max(1, this.threads.length - 1);
  }

  #createThread(): WhisperThread {
    const { modelPath, tokenizerPath, workers, threads, niceness, logger, counters } = this.#options;
    return new WhisperThread({
      data: { modelPath, tokenizerPath, threads, spin: workers === 1, niceness },
      onFree: () => this.#listener.free(),
      onStartFailed: (error) => this.#startFailed(error),
      logger,
      counters,
    });
  }

  /** Gives a thread that is free a batch, and answers its jobs. */
  async recognise(thread: WhisperThread, jobs: readonly Job[]): Promise<void> {
    const { beam, counters, timeoutMinimumMs, timeoutMsPerSecond } = this.#options;
    const { priority } = jobs[0] as Job;
    const seconds = jobs.reduce((total, { audio }) => total + audio.pcm16k.length, 0) / MODEL_RATE_HZ;
    const limitMs = Math.max(timeoutMinimumMs, seconds * timeoutMsPerSecond);
    for (const job of jobs) job.tries += 1;
    if (priority === "file") this.#onFiles.add(thread);
    else this.#onFiles.delete(thread);
    counters.add("asr.batches");
    counters.add(`asr.recognitions.${priority}`, jobs.length);
    const utterances = jobs.map(({ audio }) => audio);
    const beganAt = performance.now();
    try {
      const search = { beam, final: priority !== "partial" };
      const recognitions = await thread.recognise(utterances, search, limitMs);
      for (const { retries } of recognitions) {
        for (const retry of retries) counters.add(`asr.retries.${retry}`);
      }
      for (const [index, job] of jobs.entries()) job.resolve(recognitions[index] as Recognition);
      this.#listener.answered(jobs, performance.now() - beganAt);
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      this.#onFiles.delete(thread);
      this.#listener.failed(jobs, error);
    }
  }

  /** Waiting is only worth it while some worker may still come up. */
  #startFailed(error: LinescribeError): void {
    const hopeless = ({ ready, failedStarts }: WhisperThread) =>
      !ready && failedStarts >= MAXIMUM_FAILED_STARTS;
    if (this.threads.every(hopeless)) this.#listener.gone(error);
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }
}
