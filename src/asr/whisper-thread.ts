/**
 * One recognition worker, whichever thread is doing its work at the moment: it answers batches one at a time, and a
 * thread that dies or does not answer in time is replaced.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { endWorker, startWorker } from "../base/worker.ts";
import type { BatchRules } from "./batch-rules.ts";
import type { Device } from "./device.ts";
import { faultOf, startFault } from "./fault.ts";
import { LeftThreads } from "./left-threads.ts";
import { MemoryBudget } from "./memory-budget.ts";
import type { Portion } from "./portions.ts";
import { type RestartPolicy, Restarts } from "./restarts.ts";
import type { UtteranceAudio } from "./whisper.ts";
import type { BatchRequest, WorkerAnswer } from "./whisper-desk.ts";
import type { WhisperWorkerData } from "./whisper-worker.ts";

/**
 * Loading takes a second or two on a processor. A card is asked for its library, a first inference and its largest batches
 * as well. A thread that is not ready by then is given up; milliseconds.
 */
const START_DEADLINE_MS = 120_000;
/** How long closing waits for inferences that are under way: a thread that outlives the process aborts it; milliseconds. */
const CLOSE_PATIENCE_MS = 10_000;
/** Threads that hang are left behind with their memory; beyond this many nothing is started until one has ended. */
const MAXIMUM_HANGING = 2;

export interface WhisperThreadOptions {
  data: WhisperWorkerData;
  restart: RestartPolicy;
  /** Starts the thread; the module beside this one by default. */
  spawn?: ((data: WhisperWorkerData) => Worker) | undefined;
  /** It is ready for a batch. */
  onFree: () => void;
  /** It cannot start; it tries again. */
  onStartFailed: (error: LinescribeError) => void;
  logger: Logger;
  counters: Counters;
}

interface Batch {
  id: number;
  timer: NodeJS.Timeout;
  resolve: (portions: Portion[]) => void;
  reject: (error: LinescribeError) => void;
}

export class WhisperThread {
  readonly #options: WhisperThreadOptions;
  #worker: Worker | null = null;
  #ready = false;
  #batch: Batch | null = null;
  #batches = 0;
  readonly #memory: MemoryBudget;
  readonly #left = new LeftThreads();
  readonly #restarts: Restarts;
  #closed = false;

  constructor(options: WhisperThreadOptions) {
    this.#options = options;
    this.#memory = new MemoryBudget(options);
    this.#restarts = new Restarts(options.restart, () => this.#restart());
  }

  /** What a batch for it has to obey: the rules of its device, within the memory that was found to be there. */
  get rules(): BatchRules {
    return { ...this.#options.data.rules, paddedSamples: this.#memory.samples };
  }

  get device(): Device {
    return this.#options.data.device;
  }

  /** The thread itself; null while it is being replaced. */
  get worker(): Worker | null {
    return this.#worker;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Whether it would take a batch now. */
  get free(): boolean {
    return this.#ready && this.#batch === null;
  }

  /** How often in a row it could not start, or was lost soon after it had. */
  get failedStarts(): number {
    return this.#restarts.failures;
  }

  /**
   * Starts the thread; resolves when the model is loaded.
   *
   * @throws {LinescribeError} see `startFault`, `ASR_TIMEOUT` or `ASR_WORKER_LOST`; it goes on trying unless it is closed.
   */
  start(): Promise<void> {
    const { data, spawn = spawnWhisper } = this.#options;
    const worker = spawn(data);
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let reason = new LinescribeError("ASR_WORKER_LOST", "A recognition worker died");
      const lost = (): void => {
        clearTimeout(deadline);
        reject(reason);
        if (this.#worker === worker) this.#lost(reason);
      };
      const deadline = setTimeout(() => {
        const seconds = START_DEADLINE_MS / 1000;
        reason = new LinescribeError("ASR_TIMEOUT", `A recognition worker was not ready after ${seconds} s`);
        this.#left.leave(worker);
        lost();
      }, START_DEADLINE_MS);
      worker.on("message", (answer: WorkerAnswer) => {
        clearTimeout(deadline);
        if (answer.type === "failed") {
          reason = startFault(answer.code, answer.message, data.device);
          void worker.terminate();
        } else if (this.#worker !== worker) {
          return;
        } else if (answer.type === "ready") {
          this.#ready = true;
          this.#memory.loaded(answer.budgetSamples);
          this.#restarts.up();
          resolve();
          this.#options.onFree();
        } else {
          this.#answered(worker, answer);
        }
      });
      worker.on("error", ({ message }) => {
        this.#options.logger.error({ code: "ASR_WORKER_LOST", reason: message }, "recognition worker failed");
      });
      worker.once("exit", lost);
    });
  }

  /**
   * Recognises a batch; only while it is `free`.
   *
   * @param search - See `BatchRequest`.
   * @param limitMs - How long it may take before the thread counts as lost.
   * @returns One recognition per utterance, in order; or why there is none.
   * @throws {LinescribeError} `ASR_WORKER_LOST`, `ASR_TIMEOUT` or `ASR_CLOSED`.
   */
  recognise(
    utterances: UtteranceAudio[],
    search: Pick<BatchRequest, "beam" | "final">,
    limitMs: number,
  ): Promise<Portion[]> {
    const worker = this.#worker;
    if (!worker || !this.free) throw new TypeError("Expected a worker that is free");
    const id = ++this.#batches;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#timedOut(worker, limitMs), limitMs);
      const batch: Batch = { id, timer, resolve, reject };
      this.#batch = batch;
      worker.postMessage({ batch: id, utterances, ...search } satisfies BatchRequest);
    });
  }

  /** Ends the thread; a batch that is not answered is rejected with `ASR_CLOSED`. */
  async close(): Promise<void> {
    const busy = !this.free;
    this.#closed = true;
    this.#restarts.cancel();
    this.#takeBatch()?.reject(new LinescribeError("ASR_CLOSED", "The recogniser was closed"));
    const ending = this.#worker ? endWorker(this.#worker, busy, CLOSE_PATIENCE_MS) : null;
    await Promise.all([ending, this.#left.ended(CLOSE_PATIENCE_MS)]);
  }

  #takeBatch(): Batch | null {
    const batch = this.#batch;
    this.#batch = null;
    if (batch) clearTimeout(batch.timer);
    return batch;
  }

  #answered(worker: Worker, answer: Extract<WorkerAnswer, { batch: number }>): void {
    if (this.#batch?.id !== answer.batch) return;
    if (answer.type === "done") {
      this.#memory.answered(answer.outOfMemory, answer.budgetSamples);
      (this.#takeBatch() as Batch).resolve(answer.portions);
    } else {
      const error = new LinescribeError("ASR_WORKER_LOST", `Inference failed: ${answer.message}`);
      if (faultOf(answer.message) === "device") {
        this.#replace(worker, error);
        return;
      }
      (this.#takeBatch() as Batch).reject(error);
    }
    this.#options.onFree();
  }

  /** A session whose device has failed fails again with whatever it is given next. */
  #replace(worker: Worker, error: LinescribeError): void {
    const { logger, data } = this.#options;
    logger.error({ code: error.code, device: data.device, reason: error.message }, "the device failed");
    void endWorker(worker, false, 0);
    this.#lost(error);
  }

  #timedOut(worker: Worker, limitMs: number): void {
    const { counters, logger } = this.#options;
    counters.add("asr.timeouts");
    logger.error({ code: "ASR_TIMEOUT", limitMs }, "recognition worker does not answer");
    this.#left.leave(worker);
    this.#lost(new LinescribeError("ASR_TIMEOUT", "A recognition worker did not answer in time"));
  }

  #lost(reason: LinescribeError): void {
    this.#worker = null;
    this.#ready = false;
    const batch = this.#takeBatch();
    if (this.#closed) return;
    this.#options.counters.add("asr.workersLost");
    batch?.reject(reason);
    if (this.#restarts.lost()) this.#options.onStartFailed(reason);
  }

  #restart(): void {
    if (this.#closed) return;
    if (this.#left.size > MAXIMUM_HANGING) {
      this.#restarts.failed();
      this.#options.onStartFailed(new LinescribeError("ASR_TIMEOUT", "Recognition workers hang"));
    } else {
      // The failure is handled by the next `exit`; here only the promise is silenced.
      this.start().catch(() => {});
    }
  }
}

function spawnWhisper(data: WhisperWorkerData): Worker {
  return startWorker(import.meta.url, "whisper-worker", { workerData: data });
}
