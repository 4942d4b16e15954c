/**
 * One recognition worker, whichever thread is doing its work at the moment: it answers batches one at a time, and a
 * thread that dies or does not answer in time is replaced.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { endWorker, startWorker } from "../base/worker.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";
import type { BatchRequest, WhisperWorkerData, WorkerAnswer } from "./whisper-worker.ts";

/** Loading takes a second or two; a thread that is not ready by then is given up. */
const START_DEADLINE_MS = 120_000;
/** A worker that cannot start is tried again after this long; milliseconds. */
const RESTART_DELAY_MS = 1000;
/** How long closing waits for inferences that are under way: a thread that outlives the process aborts it; milliseconds. */
const CLOSE_PATIENCE_MS = 10_000;
/** Threads that hang are left behind with their memory; beyond this many nothing is started until one has ended. */
const MAXIMUM_HANGING = 2;

export interface WhisperThreadOptions {
  data: WhisperWorkerData;
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
  resolve: (recognitions: Recognition[]) => void;
  reject: (error: LinescribeError) => void;
}

export class WhisperThread {
  readonly #options: WhisperThreadOptions;
  #worker: Worker | null = null;
  #ready = false;
  #batch: Batch | null = null;
  #batches = 0;
  #failedStarts = 0;
  readonly #hanging = new Set<Promise<void>>();
  #restarting: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WhisperThreadOptions) {
    this.#options = options;
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

  /** How often in a row it could not start. */
  get failedStarts(): number {
    return this.#failedStarts;
  }

  /**
   * Starts the thread; resolves when the model is loaded.
   *
   * @throws {LinescribeError} `MODEL_ALTERED` or `ASR_WORKER_LOST`; it goes on trying unless it is closed.
   */
  start(): Promise<void> {
    const worker = startWorker(import.meta.url, "whisper-worker", { workerData: this.#options.data });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let reason = new LinescribeError("ASR_WORKER_LOST", "A recognition worker died");
      const lost = (): void => {
        clearTimeout(deadline);
        reject(reason);
        if (this.#worker === worker) this.#lost(reason);
      };
      const deadline = setTimeout(() => {
        this.#leave(worker);
        lost();
      }, START_DEADLINE_MS);
      worker.on("message", (answer: WorkerAnswer) => {
        clearTimeout(deadline);
        if (answer.type === "failed") {
          reason = new LinescribeError("MODEL_ALTERED", `The model could not be loaded: ${answer.message}`);
          void worker.terminate();
        } else if (this.#worker !== worker) {
          return;
        } else if (answer.type === "ready") {
          this.#ready = true;
          this.#failedStarts = 0;
          resolve();
          this.#options.onFree();
        } else {
          this.#answered(answer);
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
   * @throws {LinescribeError} `ASR_WORKER_LOST`, `ASR_TIMEOUT` or `ASR_CLOSED`.
   */
  recognise(
    utterances: UtteranceAudio[],
    search: Pick<BatchRequest, "beam" | "final">,
    limitMs: number,
  ): Promise<Recognition[]> {
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
    clearTimeout(this.#restarting);
    this.#takeBatch()?.reject(new LinescribeError("ASR_CLOSED", "The recogniser was closed"));
    const ending = this.#worker ? endWorker(this.#worker, busy, CLOSE_PATIENCE_MS) : null;
    await Promise.all([ending, within(CLOSE_PATIENCE_MS, Promise.all(this.#hanging))]);
  }

  #takeBatch(): Batch | null {
    const batch = this.#batch;
    this.#batch = null;
    if (batch) clearTimeout(batch.timer);
    return batch;
  }

  #answered(answer: Extract<WorkerAnswer, { batch: number }>): void {
    if (this.#batch?.id !== answer.batch) return;
    const batch = this.#takeBatch() as Batch;
    if (answer.type === "done") batch.resolve(answer.recognitions);
    else batch.reject(new LinescribeError("ASR_WORKER_LOST", `Inference failed: ${answer.message}`));
    this.#options.onFree();
  }

  #timedOut(worker: Worker, limitMs: number): void {
    const { counters, logger } = this.#options;
    counters.add("asr.timeouts");
    logger.error({ code: "ASR_TIMEOUT", limitMs }, "recognition worker does not answer");
    this.#leave(worker);
    this.#lost(new LinescribeError("ASR_TIMEOUT", "A recognition worker did not answer in time"));
  }

  /** Turns away from a thread that hangs in native code; it ends when it comes out of it. */
  #leave(worker: Worker): void {
    const left = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    this.#hanging.add(left);
    void left.then(() => this.#hanging.delete(left));
    void endWorker(worker, true, 0);
  }

  #lost(reason: LinescribeError): void {
    const started = this.#ready;
    this.#worker = null;
    this.#ready = false;
    const batch = this.#takeBatch();
    if (this.#closed) return;
    this.#options.counters.add("asr.workersLost");
    batch?.reject(reason);
    if (started) this.#restart();
    else this.#startFailed(reason);
  }

  #restart(): void {
    if (this.#closed) return;
    if (this.#hanging.size > MAXIMUM_HANGING) {
      this.#startFailed(new LinescribeError("ASR_TIMEOUT", "Recognition workers hang"));
    } else {
      // The failure is handled by the next `exit`; here only the promise is silenced.
      this.start().catch(() => {});
    }
  }

  #startFailed(error: LinescribeError): void {
    this.#failedStarts += 1;
    this.#options.onStartFailed(error);
    this.#restarting = setTimeout(() => this.#restart(), RESTART_DELAY_MS);
  }
}

/** Resolves with `task`, or after `ms`. */
async function within(ms: number, task: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([task, late]);
  clearTimeout(timer);
}
