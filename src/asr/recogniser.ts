/**
 * Recognises utterances in worker threads: a bounded queue in front, one batch at a time per worker.
 *
 * A worker that dies or does not answer in time is replaced. What it was working on is tried once more, alone, and
 * then rejected: every utterance that was taken gets an answer.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import type { Logger } from "../base/log.ts";
import { BoundedQueue } from "../base/queue.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { startWorker } from "../base/worker.ts";
import { whisperLanguage } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";
import type { BatchRequest, WhisperWorkerData, WorkerAnswer } from "./whisper-worker.ts";
import { MAXIMUM_WINDOW_SAMPLES } from "./window.ts";

export interface RecogniserOptions {
  modelPath: string;
  tokenizerPath: string;
  /** Worker threads, each with a session of its own. */
  workers: number;
  /** Inference threads of each worker. */
  threads: number;
  /** Beam width, 1 to 5. Default 3. */
  beam?: number;
  /** Utterances in one inference at most; more than one only while others wait. Default 4. */
  batch?: number;
  /** Utterances that may wait. Default 1000; one more is refused with `ASR_OVERLOADED`. */
  queueMaximum?: number;
  /** How long one inference may take, per second of its audio and at least; milliseconds. */
  timeoutMsPerSecond?: number;
  timeoutMinimumMs?: number;
  /** Niceness of the inference threads. Default 5. */
  niceness?: number;
  logger: Logger;
  counters: Counters;
}

interface Job {
  audio: UtteranceAudio;
  tries: number;
  resolve: (recognition: Recognition) => void;
  reject: (error: LinescribeError) => void;
}

/** Two failed tries and the utterance is given up. */
const MAXIMUM_TRIES = 2;
/** A worker that cannot start is tried again after this long; milliseconds. */
const RESTART_DELAY_MS = 1000;
/** After this many failed starts in a row, waiting utterances are rejected instead of waiting for ever. */
const MAXIMUM_FAILED_STARTS = 3;

interface Slot {
  worker: Worker | null;
  ready: boolean;
  batch: { id: number; jobs: Job[]; timer: NodeJS.Timeout } | null;
  failedStarts: number;
}

export class Recogniser {
  readonly metadata: WhisperMetadata;
  readonly #options: Required<RecogniserOptions>;
  readonly #queue: BoundedQueue<Job>;
  readonly #slots: Slot[] = [];
  #batches = 0;
  #pendingSamples = 0;
  #closed = false;

  private constructor(metadata: WhisperMetadata, options: Required<RecogniserOptions>) {
    this.metadata = metadata;
    this.#options = options;
    this.#queue = new BoundedQueue<Job>({
      name: "asr.utterances",
      maximum: options.queueMaximum,
      policy: "refuse",
      counters: options.counters,
    });
  }

  /**
   * Starts the workers and waits until all have loaded the model.
   *
   * @throws {LinescribeError} `MODEL_MISSING` or `MODEL_ALTERED`.
   */
  static async start(options: RecogniserOptions): Promise<Recogniser> {
    const metadata = await readWhisperMetadata(options.modelPath);
    const recogniser = new Recogniser(metadata, {
      beam: 3,
      batch: 4,
      queueMaximum: 1000,
      timeoutMsPerSecond: 2000,
      timeoutMinimumMs: 20_000,
      niceness: 5,
      ...options,
    });
    expectInteger("workers", options.workers, 1, 256);
    expectInteger("threads", options.threads, 1, 256);
    const starts = Array.from({ length: options.workers }, () => {
      const slot: Slot = { worker: null, ready: false, batch: null, failedStarts: 0 };
      recogniser.#slots.push(slot);
      return recogniser.#startWorker(slot);
    });
    try {
      await Promise.all(starts);
    } catch (error) {
      await recogniser.close();
      throw error;
    }
    return recogniser;
  }

  /** Seconds of audio that were taken and are not answered yet. */
  get pendingSeconds(): number {
    return this.#pendingSamples / MODEL_RATE_HZ;
  }

  /** Utterances that wait for a worker. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Worker threads, in the order of their slots; null while one is being replaced. For fault injection in tests. */
  get workers(): readonly (Worker | null)[] {
    return this.#slots.map((slot) => slot.worker);
  }

  /** The language code that this model has for a tag, `auto`, or null. See `whisperLanguage`. */
  language(tag: string): string | null {
    return whisperLanguage(this.metadata, tag);
  }

  /**
   * Takes utterances for recognition; each is answered on its own.
   *
   * @param utterances - 16 kHz mono float32, at most 30 s each; not changed and not to be changed until answered.
   * @returns Per utterance its recognition, or a rejection with a LinescribeError: `ASR_OVERLOADED` (not taken),
   *   `ASR_WORKER_LOST` or `ASR_TIMEOUT` (tried twice), `ASR_CLOSED`.
   * @throws {RangeError} when an utterance is longer than 30 s, is empty, or has a language unknown to the model.
   */
  recognise(utterances: readonly UtteranceAudio[]): Promise<Recognition>[] {
    for (const { pcm16k, language } of utterances) {
      expectInteger("samples of an utterance", pcm16k.length, 1, MAXIMUM_WINDOW_SAMPLES);
      if (this.language(language) !== language) {
        throw new RangeError(`Expected a language code of the model, got ${language}`);
      }
    }
    const answers = utterances.map((audio) => this.#take(audio));
    this.#dispatch();
    return answers;
  }

  #take(audio: UtteranceAudio): Promise<Recognition> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new LinescribeError("ASR_CLOSED", "The recogniser was closed"));
        return;
      }
      const settle = () => {
        this.#pendingSamples -= audio.pcm16k.length;
      };
      const job: Job = {
        audio,
        tries: 0,
        resolve: (recognition) => {
          settle();
          resolve(recognition);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      this.#pendingSamples += audio.pcm16k.length;
      if (!this.#queue.push(job)) {
        const message = `${this.#queue.maximum} utterances are waiting`;
        job.reject(new LinescribeError("ASR_OVERLOADED", message, { retryable: true }));
      }
    });
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      if (this.#queue.length === 0) return;
      if (slot.ready && slot.worker && !slot.batch) this.#send(slot, slot.worker, this.#nextBatch());
    }
  }

  /** The oldest utterance, and while others wait beyond the free workers, its neighbours of the same language. */
  #nextBatch(): Job[] {
    const first = this.#queue.shift() as Job;
    const jobs = [first];
    const free = this.#slots.filter((slot) => slot.ready && !slot.batch).length - 1;
    const others: Job[] = [];
    while (first.tries === 0 && jobs.length < this.#options.batch && this.#queue.length > free) {
      const next = this.#queue.shift() as Job;
      if (next.tries > 0 || next.audio.language !== first.audio.language) {
        others.push(next);
        break;
      }
      jobs.push(next);
    }
    for (const job of others.reverse()) this.#queue.unshift(job);
    return jobs;
  }

  #send(slot: Slot, worker: Worker, jobs: Job[]): void {
    const id = ++this.#batches;
    const seconds = jobs.reduce((total, { audio }) => total + audio.pcm16k.length, 0) / MODEL_RATE_HZ;
    const limitMs = Math.max(this.#options.timeoutMinimumMs, seconds * this.#options.timeoutMsPerSecond);
    const timer = setTimeout(() => {
      this.#options.counters.add("asr.timeouts");
      this.#options.logger.error({ code: "ASR_TIMEOUT", limitMs }, "recognition worker does not answer");
      void worker.terminate();
    }, limitMs);
    slot.batch = { id, jobs, timer };
    for (const job of jobs) job.tries += 1;
    this.#options.counters.add("asr.batches");
    this.#options.counters.add("asr.recognitions", jobs.length);
    worker.postMessage({ batch: id, utterances: jobs.map(({ audio }) => audio) } satisfies BatchRequest);
  }

  #startWorker(slot: Slot): Promise<void> {
    const { modelPath, tokenizerPath, threads, beam, niceness } = this.#options;
    const spin = this.#options.workers === 1;
    const data: WhisperWorkerData = { modelPath, tokenizerPath, threads, beam, spin, niceness };
    const worker = startWorker(import.meta.url, "whisper-worker", { workerData: data });
    slot.worker = worker;
    return new Promise((resolve, reject) => {
      let failure = new LinescribeError("ASR_WORKER_LOST", "A recognition worker died while it started");
      worker.on("message", (answer: WorkerAnswer) => {
        if (answer.type === "ready") {
          slot.ready = true;
          slot.failedStarts = 0;
          resolve();
          this.#dispatch();
        } else if (answer.type === "failed") {
          failure = new LinescribeError("MODEL_ALTERED", `The model could not be loaded: ${answer.message}`);
          void worker.terminate();
        } else {
          this.#answered(slot, answer);
        }
      });
      worker.on("error", (error) => {
        this.#options.logger.error(
          { code: "ASR_WORKER_LOST", reason: error.message },
          "recognition worker failed",
        );
      });
      worker.once("exit", () => {
        reject(failure);
        this.#lost(slot, failure);
      });
    });
  }

  #answered(slot: Slot, answer: WorkerAnswer & { batch: number }): void {
    const { batch } = slot;
    if (!batch || batch.id !== answer.batch) return;
    clearTimeout(batch.timer);
    slot.batch = null;
    if (answer.type === "done") {
      for (const [index, job] of batch.jobs.entries()) {
        job.resolve(answer.recognitions[index] as Recognition);
      }
    } else if (answer.type === "rejected") {
      this.#retry(batch.jobs, new LinescribeError("ASR_WORKER_LOST", `Inference failed: ${answer.message}`));
    }
    this.#dispatch();
  }

  /** A worker is gone: its utterances go back to the head of the queue, and a new worker takes its place. */
  #lost(slot: Slot, reason: LinescribeError): void {
    const started = slot.ready;
    const batch = slot.batch;
    slot.worker = null;
    slot.ready = false;
    slot.batch = null;
    if (batch) clearTimeout(batch.timer);
    if (this.#closed) return;
    this.#options.counters.add("asr.workersLost");
    if (batch)
      this.#retry(batch.jobs, new LinescribeError("ASR_WORKER_LOST", "A recognition worker died twice"));
    slot.failedStarts = started ? 0 : slot.failedStarts + 1;
    if (slot.failedStarts >= MAXIMUM_FAILED_STARTS && this.#slots.every((other) => !other.ready)) {
      for (const job of this.#queue.drain()) job.reject(reason);
    }
    const restart = (): void => {
      // The failure is handled by the next `exit`; here only the promise is silenced.
      if (!this.#closed) this.#startWorker(slot).catch(() => {});
    };
    if (started) restart();
    else setTimeout(restart, RESTART_DELAY_MS).unref();
  }

  #retry(jobs: Job[], error: LinescribeError): void {
    for (const job of [...jobs].reverse()) {
      if (job.tries >= MAXIMUM_TRIES) {
        job.reject(error);
      } else {
        this.#options.counters.add("asr.retries");
        this.#queue.unshift(job);
      }
    }
  }

  /** Ends the workers; what is not answered yet is rejected with `ASR_CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new LinescribeError("ASR_CLOSED", "The recogniser was closed");
    for (const job of this.#queue.drain()) job.reject(error);
    await Promise.all(
      this.#slots.map(async (slot) => {
        if (slot.batch) {
          clearTimeout(slot.batch.timer);
          for (const job of slot.batch.jobs) job.reject(error);
          slot.batch = null;
        }
        await slot.worker?.terminate();
      }),
    );
  }
}
