/**
 * One Silero worker thread as the main thread sees it: it starts, answers one request at a time, or is lost.
 */
import { existsSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { LinescribeError, messageOf } from "../base/error.ts";
import { endWorker, startWorker } from "../base/worker.ts";
import type { SileroAnswer, SileroRequest, SileroWorkerData } from "./silero-message.ts";

/** Loading takes a fraction of a second; a worker that is not ready by then never will be. */
const START_DEADLINE_MS = 30_000;
/** A request is at most 512 frames, some 50 ms of work. */
const ANSWER_DEADLINE_MS = 10_000;
/** How long the end waits for loading or for a request that is under way; milliseconds. */
const END_PATIENCE_MS = 1000;

export interface SileroThreadOptions {
  modelPath: string;
  /** How the worker is made; tests put faults here. */
  createWorker?: (data: SileroWorkerData) => Worker;
  /** Default 10 s. */
  answerDeadlineMs?: number;
}

export type FramesRequest = Omit<Extract<SileroRequest, { type: "frames" }>, "type">;
export type ProbabilitiesAnswer = Extract<SileroAnswer, { type: "probabilities" }>;

export class SileroThread {
  readonly #worker: Worker;
  readonly #answerDeadlineMs: number;
  #deadline: NodeJS.Timeout | undefined;
  /** The thread may be within native code. */
  #busy = true;
  #ended = false;
  /** Told of each answer, in the order of the requests. */
  onAnswer: (answer: ProbabilitiesAnswer) => void = () => {};
  /** Told once when the thread died or did not answer in time; not after `end`. */
  onLost: (reason: string) => void = () => {};

  private constructor(worker: Worker, answerDeadlineMs: number) {
    this.#worker = worker;
    this.#answerDeadlineMs = answerDeadlineMs;
  }

  /**
   * Starts a thread and waits until its model is loaded.
   *
   * @throws {LinescribeError} `MODEL_MISSING` or `MODEL_ALTERED` when the model is not there or cannot be loaded,
   *   `VAD_WORKER_LOST` when the thread itself does not come up.
   */
  static async start(options: SileroThreadOptions): Promise<SileroThread> {
    const { modelPath, createWorker = createSileroWorker } = options;
    if (!existsSync(modelPath)) {
      throw new LinescribeError("MODEL_MISSING", `There is no voice activity model at ${modelPath}`);
    }
    const worker = createWorker({ modelPath });
    const thread = new SileroThread(worker, options.answerDeadlineMs ?? ANSWER_DEADLINE_MS);
    try {
      await thread.#ready(modelPath);
    } catch (error) {
      await thread.end();
      throw error;
    }
    return thread;
  }

  /** Posts frames; `samples` is moved away. The caller waits for the answer before it posts again. */
  post(frames: FramesRequest): void {
    this.#deadline = setTimeout(() => {
      this.#lost(`it did not answer within ${this.#answerDeadlineMs} ms`);
    }, this.#answerDeadlineMs);
    this.#busy = true;
    this.#send({ type: "frames", ...frames }, [frames.samples.buffer]);
  }

  forget(stream: number): void {
    this.#send({ type: "forget", stream });
  }

  /** Ends the thread; nothing is told any more. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#deadline);
    await endWorker(this.#worker, this.#busy, END_PATIENCE_MS);
  }

  #send(request: SileroRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #ready(modelPath: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        clearTimeout(deadline);
        reject(new LinescribeError("VAD_WORKER_LOST", `The voice activity worker did not start: ${reason}`));
      };
      const deadline = setTimeout(() => fail(`not ready within ${START_DEADLINE_MS} ms`), START_DEADLINE_MS);
      this.onLost = fail;
      this.#worker.on("error", (error) => this.#lost(messageOf(error)));
      this.#worker.on("exit", (code) => this.#lost(`it exited with code ${code}`));
      this.#worker.on("message", (answer: SileroAnswer) => {
        clearTimeout(deadline);
        this.#busy = false;
        if (answer.type === "ready") resolve();
        else if (answer.type === "unusable") reject(unusable(modelPath, answer.reason));
        else this.#answered(answer);
      });
    });
  }

  #answered(answer: ProbabilitiesAnswer): void {
    clearTimeout(this.#deadline);
    if (!this.#ended) this.onAnswer(answer);
  }

  #lost(reason: string): void {
    if (this.#ended) return;
    void this.end();
    this.onLost(reason);
  }
}

function createSileroWorker(data: SileroWorkerData): Worker {
  return startWorker(import.meta.url, "silero-worker", { name: "silero", workerData: data });
}

function unusable(modelPath: string, reason: string): LinescribeError {
  return new LinescribeError(
    "MODEL_ALTERED",
    `The voice activity model at ${modelPath} cannot be loaded: ${reason}`,
  );
}
