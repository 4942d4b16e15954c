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
import { whisperLanguage } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";
import { WhisperThread } from "./whisper-thread.ts";
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
  /** How long one inference may take per second of its audio, default 2000 ms, and at least, default 20,000 ms. */
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
/** After this many failed starts in a row, waiting utterances are rejected instead of waiting for ever. */
const MAXIMUM_FAILED_STARTS = 3;

export class Recogniser {
  readonly metadata: WhisperMetadata;
  readonly #options: Required<RecogniserOptions>;
  readonly #queue: BoundedQueue<Job>;
  readonly #threads: readonly WhisperThread[];
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
    this.#threads = Array.from({ length: options.workers }, () => this.#createThread());
  }

  /**
   * Starts the workers and waits until all have loaded the model.
   *
   * @throws {LinescribeError} `MODEL_MISSING` or `MODEL_ALTERED`.
   */
  static async start(options: RecogniserOptions): Promise<Recogniser> {
    expectInteger("workers", options.workers, 1, 256);
    expectInteger("threads", options.threads, 1, 256);
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
    try {
      await Promise.all(recogniser.#threads.map((thread) => thread.start()));
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

  /** Worker threads; null while one is being replaced. For fault injection in tests. */
  get workers(): readonly (Worker | null)[] {
    return this.#threads.map(({ worker }) => worker);
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

  #createThread(): WhisperThread {
    const { modelPath, tokenizerPath, workers, threads, beam, niceness, logger, counters } = this.#options;
    return new WhisperThread({
      data: { modelPath, tokenizerPath, threads, beam, spin: workers === 1, niceness },
      onFree: () => this.#dispatch(),
      onStartFailed: (error) => this.#startFailed(error),
      logger,
      counters,
    });
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      if (this.#queue.length === 0) return;
      if (thread.free) void this.#recognise(thread, this.#nextBatch());
    }
  }

  /** The oldest utterance, and while others wait beyond the free workers, its neighbours of the same language. */
  #nextBatch(): Job[] {
    const first = this.#queue.shift() as Job;
    const jobs = [first];
    const free = this.#threads.filter((thread) => thread.free).length - 1;
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

  async #recognise(thread: WhisperThread, jobs: Job[]): Promise<void> {
    const { counters, timeoutMinimumMs, timeoutMsPerSecond } = this.#options;
    const seconds = jobs.reduce((total, { audio }) => total + audio.pcm16k.length, 0) / MODEL_RATE_HZ;
    const limitMs = Math.max(timeoutMinimumMs, seconds * timeoutMsPerSecond);
    for (const job of jobs) job.tries += 1;
    counters.add("asr.batches");
    counters.add("asr.recognitions", jobs.length);
    const utterances = jobs.map(({ audio }) => audio);
    try {
      const recognitions = await thread.recognise(utterances, limitMs);
      for (const [index, job] of jobs.entries()) job.resolve(recognitions[index] as Recognition);
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      this.#retry(jobs, error);
      this.#dispatch();
    }
  }

  /** Waiting is only worth it while some worker may still come up. */
  #startFailed(error: LinescribeError): void {
    const hopeless = ({ ready, failedStarts }: WhisperThread) =>
      !ready && failedStarts >= MAXIMUM_FAILED_STARTS;
    if (!this.#threads.every(hopeless)) return;
    for (const job of this.#queue.drain()) job.reject(error);
  }

  /** Puts utterances back to the head of the queue, or gives them up. */
  #retry(jobs: Job[], error: LinescribeError): void {
    for (const job of jobs.toReversed()) {
      if (this.#closed || job.tries >= MAXIMUM_TRIES) {
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
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}
