/**
 * Workers of one kind of device: each does one batch at a time, and one that dies is replaced.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import type { BatchRules } from "./batch-rules.ts";
import type { Device } from "./device.ts";
import { HeadStart } from "./head-start.ts";
import type { Job } from "./job.ts";
import { isMisfit, type Portion } from "./portions.ts";
import type { RestartPolicy } from "./restarts.ts";
import type { Priority } from "./schedule.ts";
import { WhisperThread } from "./whisper-thread.ts";
import type { WhisperWorkerData } from "./whisper-worker.ts";

/** After this many failures in a row a worker is not worth waiting for. */
const MAXIMUM_FAILED_STARTS = 3;

export interface CrewOptions {
  /** What each worker is given; one at least. All have the same rules. */
  workers: readonly [WhisperWorkerData, ...WhisperWorkerData[]];
  /** Beam width of finals that are searched again. */
  beam: number;
  timeoutMsPerSecond: number;
  timeoutMinimumMs: number;
  restart: RestartPolicy;
  spawn: ((data: WhisperWorkerData) => Worker) | undefined;
  logger: Logger;
  counters: Counters;
}

export interface CrewListener {
  /** A worker is ready for a batch. */
  free(): void;
  /** A batch was answered, or some of it: what each could be recognised as, or why it could not. */
  answered(jobs: readonly Job[], portions: readonly Portion[]): void;
  /** A batch failed, and with it perhaps its worker. */
  failed(jobs: readonly Job[], error: LinescribeError): void;
  /** A worker was lost and does not come up again, though it is still tried now and then; or it has come up after all. */
  lost(device: Device, error: LinescribeError): void;
  back(device: Device): void;
  /** No worker is up, and none comes up for now. */
  gone(error: LinescribeError): void;
}

export class Crew {
  readonly headStart: HeadStart;
  readonly #threads: readonly WhisperThread[];
  readonly #options: CrewOptions;
  readonly #listener: CrewListener;
  /** Those that were started at least once. */
  #enlisted: readonly WhisperThread[] = [];
  /** Threads whose batch is of files; one that is free again may still stand here. */
  readonly #onFiles = new Set<WhisperThread>();

  constructor(options: CrewOptions, listener: CrewListener) {
    this.#options = options;
    this.#listener = listener;
    this.headStart = new HeadStart(() => Math.max(1, this.#enlisted.length));
    this.#threads = options.workers.map((data) => this.#createThread(data));
  }

  /**
   * Starts as many workers as there should be in all; resolves when those have loaded the model.
   *
   * @throws {LinescribeError} what the first one failed with; all go on trying.
   */
  async start(count = this.#threads.length): Promise<void> {
    await Promise.all(this.#enlist(count).map((thread) => thread.start()));
  }

  /**
   * Starts all workers; resolves when each has loaded the model or failed to, if one has loaded it.
   *
   * @param onFailed - Called with each failure at once, for others may take minutes to load; that worker goes on trying.
   * @throws {LinescribeError} what the first one failed with, when no other did better.
   */
  async startSome(onFailed: (device: Device, error: LinescribeError) => void): Promise<void> {
    const fresh = this.#enlist(this.#threads.length);
    const failures: LinescribeError[] = [];
    const starts = fresh.map((thread) =>
      thread.start().catch((error: LinescribeError) => {
        failures.push(error);
        onFailed(thread.device, error);
      }),
    );
    await Promise.all(starts);
    if (failures.length === fresh.length && failures[0]) throw failures[0];
  }

  /** Those of the first so many that were not started yet. */
  #enlist(count: number): readonly WhisperThread[] {
    const fresh = this.#threads.slice(this.#enlisted.length, count);
    this.#enlisted = [...this.#enlisted, ...fresh];
    return fresh;
  }

  /** The rules of the device. */
  get rules(): BatchRules {
    return this.#options.workers[0].rules;
  }

  get free(): WhisperThread[] {
    return this.#enlisted.filter((thread) => thread.free);
  }

  /** Workers that are up, busy or not. */
  get up(): number {
    return this.#enlisted.filter(({ ready }) => ready).length;
  }

  /** Whether no worker is up, and none comes up for now. */
  get gone(): boolean {
    return this.#enlisted.every(isHopeless);
  }

  /** Worker threads; null while one is being replaced. For fault injection in tests. */
  get threads(): (Worker | null)[] {
    return this.#threads.map(({ worker }) => worker);
  }

  /** Whether a worker that is free may take files: one is left to live calls, if there are two. */
  get takesFiles(): boolean {
    const busy = [...this.#onFiles].filter((other) => !other.free).length;
    return busy < Math.max(1, this.#enlisted.length - 1);
  }

  /** Gives a thread that is free a batch, and tells the listener what came of it. */
  async recognise(thread: WhisperThread, jobs: readonly Job[]): Promise<void> {
    const { beam, counters, timeoutMinimumMs, timeoutMsPerSecond } = this.#options;
    const { priority } = jobs[0] as Job;
    const seconds = jobs.reduce((total, { audio }) => total + audio.pcm16k.length, 0) / MODEL_RATE_HZ;
    const limitMs = Math.max(timeoutMinimumMs, seconds * timeoutMsPerSecond);
    for (const job of jobs) {
      job.tries += 1;
      counters.add(`asr.recognitions.${job.priority}`);
    }
    if (priority === "file") this.#onFiles.add(thread);
    else this.#onFiles.delete(thread);
    counters.add("asr.batches");
    const utterances = jobs.map(({ audio }) => audio);
    const beganAt = performance.now();
    try {
      const portions = await thread.recognise(utterances, { beam, final: priority !== "partial" }, limitMs);
      for (const retry of portions.flatMap((portion) => (isMisfit(portion) ? [] : portion.retries))) {
        counters.add(`asr.retries.${retry}`);
      }
      this.#learn(jobs, priority, beganAt);
      this.#listener.answered(jobs, portions);
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      this.#onFiles.delete(thread);
      this.#listener.failed(jobs, error);
    }
  }

  /**
   * How long finals take, to judge how early to begin them, and what workers are busy with.
   *
   * @param as - What the batch was begun as.
   */
  #learn(jobs: readonly Job[], as: Priority, beganAt: number): void {
    const now = performance.now();
    const busyMs = now - beganAt;
    if (as !== "file") this.headStart.worked(busyMs);
    this.#options.counters.add(`asr.busyMs.${as}`, busyMs);
    for (const { priority, submittedAt, audio } of jobs) {
      if (priority === "partial" || priority === "file") continue;
      this.headStart.answered(audio.pcm16k.length, now - submittedAt);
    }
  }

  #createThread(data: WhisperWorkerData): WhisperThread {
    const { restart, spawn, logger, counters } = this.#options;
    let lost = false;
    const thread: WhisperThread = new WhisperThread({
      data,
      restart,
      spawn,
      onFree: () => {
        if (lost) this.#listener.back(data.device);
        lost = false;
        this.#listener.free();
      },
      onStartFailed: (error) => {
        if (!lost && isHopeless(thread)) {
          lost = true;
          this.#listener.lost(data.device, error);
        }
        // Waiting is only worth it while some worker may still come up.
        if (this.gone) this.#listener.gone(error);
        // Batches that it would have taken go elsewhere.
        else this.#listener.free();
      },
      logger,
      counters,
    });
    return thread;
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

function isHopeless({ ready, failedStarts }: WhisperThread): boolean {
  return !ready && failedStarts >= MAXIMUM_FAILED_STARTS;
}
