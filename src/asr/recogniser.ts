/**
 * Recognises utterances in worker threads: a schedule in front, one batch at a time per worker.
 *
 * A worker that dies or does not answer in time is replaced. The finals that it was working on are tried once more,
 * alone, and then rejected: every final that was taken gets an answer.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { continueFrom, type Draft, draftWindow, NO_DRAFT } from "./draft.ts";
import { HeadStart } from "./head-start.ts";
import { Job, type RecognitionJob } from "./job.ts";
import { AUTO_LANGUAGE, whisperLanguage } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import { PartialPace } from "./pace.ts";
import { type Priority, Schedule } from "./schedule.ts";
import { utteranceFault } from "./utterance.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";
import { WhisperThread } from "./whisper-thread.ts";

export interface RecogniserOptions {
  modelPath: string;
  tokenizerPath: string;
  /** Worker threads, each with a session of its own. */
  workers: number;
  /** Inference threads of each worker. */
  threads: number;
  /** Beam width of finals that are searched again, 1 to 5, see `ladder.ts`. Default 3. */
  beam?: number;
  /** Utterances in one inference at most; more than one only while others wait. Default 4. */
  batch?: number;
  /** Finals that may wait. Default 1000; one more is refused with `ASR_OVERLOADED`. */
  queueMaximum?: number;
  /** How long one inference may take per second of its audio, default 2000 ms, and at least, default 20,000 ms. */
  timeoutMsPerSecond?: number;
  timeoutMinimumMs?: number;
  /** Niceness of the inference threads. Default 5. */
  niceness?: number;
  logger: Logger;
  counters: Counters;
}

/** An utterance, and how it is to be treated. */
export interface RecognitionRequest extends UtteranceAudio {
  priority: Priority;
  /** Who is served, for example one track of a call: sources take turns. */
  source: string;
  /** Of a partial: what the last one of the same utterance answered, from whose `pcm16k` this one goes on. */
  draft?: Draft | undefined;
}

/** Two failed tries and the utterance is given up. */
const MAXIMUM_TRIES = 2;
/** Partials and speculative finals that may wait: one of each per track of as many calls as a machine can carry. */
const HOPEFUL_MAXIMUM = 256;
/** Utterances of files that may wait: who reads a file waits for its answers, so each file has a few. */
const FILE_MAXIMUM = 256;
/** After this many failed starts in a row, waiting utterances are rejected instead of waiting for ever. */
const MAXIMUM_FAILED_STARTS = 3;

export class Recogniser {
  readonly metadata: WhisperMetadata;
  readonly #options: Required<RecogniserOptions>;
  readonly #schedule: Schedule<Job>;
  readonly #pace = new PartialPace();
  readonly #headStart: HeadStart;
  readonly #threads: readonly WhisperThread[];
  /** Finals, certain and speculative, that are not answered. */
  readonly #pending = new Set<Job>();
  /** Threads whose batch is of files; one that is free again may still stand here. */
  readonly #onFiles = new Set<WhisperThread>();
  #closed = false;

  private constructor(metadata: WhisperMetadata, options: Required<RecogniserOptions>) {
    this.metadata = metadata;
    this.#options = options;
    this.#schedule = new Schedule<Job>({
      maximum: {
        final: options.queueMaximum,
        speculative: HOPEFUL_MAXIMUM,
        partial: HOPEFUL_MAXIMUM,
        file: FILE_MAXIMUM,
      },
      counters: options.counters,
    });
    this.#headStart = new HeadStart(options.workers);
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

  /** Seconds of live audio that were taken to become finals and are not answered yet. */
  get pendingSeconds(): number {
    const samples = [...this.#pending].reduce((sum, { audio }) => sum + audio.pcm16k.length, 0);
    return samples / MODEL_RATE_HZ;
  }

  /** Utterances that wait for a worker. */
  get queued(): number {
    return this.#schedule.length;
  }

  /** How long the final that has waited longest has waited for a worker, ms. */
  get finalWaitMs(): number {
    const since = this.#schedule.waiting("final").map(({ finalSince }) => finalSince as number);
    return since.length === 0 ? 0 : performance.now() - Math.min(...since);
  }

  /** How long to wait between two partials of an utterance, ms; null while there should be none. */
  get partialIntervalMs(): number | null {
    return this.#pace.intervalMs(this.finalWaitMs);
  }

  /** How long before it is due a final of so much audio is worth beginning, ms; Infinity while there is time to spare. */
  headStartMs(audioMs: number): number {
    return this.#headStart.ms(audioMs);
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
   * Takes an utterance for recognition.
   *
   * @param request - 16 kHz mono float32, at most 30 s; not changed and not to be changed until answered. What cannot
   *   be recognised is answered with its fault, see `utteranceFault`.
   */
  submit(request: RecognitionRequest): RecognitionJob {
    const job = this.#take(request);
    this.#dispatch();
    return job;
  }

  /** Takes utterances of one source as finals. See `submit`. */
  recognise(utterances: readonly UtteranceAudio[], source = ""): Promise<Recognition>[] {
    const jobs = utterances.map((audio) => this.#take({ ...audio, priority: "final", source }));
    this.#dispatch();
    return jobs.map(({ answer }) => answer as Promise<Recognition>);
  }

  #take(request: RecognitionRequest): Job {
    const { priority, source, draft: given, ...audio } = request;
    const { pcm16k, language } = audio;
    const { tailPool } = this.metadata;
    const fault = utteranceFault(request, this.metadata);
    // What language it is must be found out from the beginning, and without a tail the whole window is encoded anyway.
    const open = priority === "partial" && language !== AUTO_LANGUAGE && tailPool > 0;
    const draft = open ? (given ?? NO_DRAFT) : null;
    const samples = fault ? 0 : draftWindow(draft ?? NO_DRAFT, pcm16k.length, tailPool);
    const job: Job = new Job(
      draft ? { ...audio, pcm16k: pcm16k.slice(continueFrom(draft)), draft } : audio,
      { priority, source, windowSamples: samples },
      {
        remove: (removed) => this.#schedule.remove(removed),
        reschedule: (changed) => {
          this.#add(changed);
          this.#dispatch();
        },
      },
    );
    if (priority === "final" || priority === "speculative") {
      this.#pending.add(job);
      const forget = (): void => void this.#pending.delete(job);
      job.answer.then(forget, forget);
    }
    if (this.#closed) job.reject(new LinescribeError("ASR_CLOSED", "The recogniser was closed"));
    else if (fault) this.#refuse(job, fault);
    else this.#add(job);
    return job;
  }

  #refuse(job: Job, fault: LinescribeError): void {
    this.#options.counters.add("asr.utterancesRefused");
    job.reject(fault);
  }

  #add(job: Job): void {
    const displaced = this.#schedule.add(job);
    if (displaced !== "refused") displaced?.resolve(null);
    else if (!isCertain(job)) job.resolve(null);
    else {
      const message = `${job.priority === "file" ? FILE_MAXIMUM : this.#options.queueMaximum} utterances are waiting`;
      job.reject(new LinescribeError("ASR_OVERLOADED", message, { retryable: true }));
    }
  }

  #createThread(): WhisperThread {
    const { modelPath, tokenizerPath, workers, threads, niceness, logger, counters } = this.#options;
    return new WhisperThread({
      data: { modelPath, tokenizerPath, threads, spin: workers === 1, niceness },
      onFree: () => this.#dispatch(),
      onStartFailed: (error) => this.#startFailed(error),
      logger,
      counters,
    });
  }

  /**
   * Gives every free worker something to do; in batches only when more waits than workers are free. Files leave one
   * worker to live calls, if there are two: an inference that runs cannot be interrupted.
   */
  #dispatch(): void {
    const free = this.#threads.filter((thread) => thread.free);
    for (const [index, thread] of free.entries()) {
      const others = free.length - index - 1;
      const busy = [...this.#onFiles].filter((other) => !other.free).length;
      const files = busy < Math.max(1, this.#threads.length - 1);
      const waiting = this.#schedule.live || this.#schedule.length;
      const jobs = this.#schedule.take(Math.min(this.#options.batch, waiting - others), files);
      if (jobs.length === 0) return;
      void this.#recognise(thread, jobs);
    }
  }

  async #recognise(thread: WhisperThread, jobs: Job[]): Promise<void> {
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
      const now = performance.now();
      if (priority !== "file") this.#headStart.worked(now - beganAt);
      for (const { submittedAt, audio } of jobs) {
        if (priority === "partial") this.#pace.answered(now - submittedAt);
        else if (priority !== "file") this.#headStart.answered(audio.pcm16k.length, now - submittedAt);
      }
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      this.#onFiles.delete(thread);
      this.#retry(jobs, error);
      this.#dispatch();
    }
  }

  /** Waiting is only worth it while some worker may still come up. */
  #startFailed(error: LinescribeError): void {
    const hopeless = ({ ready, failedStarts }: WhisperThread) =>
      !ready && failedStarts >= MAXIMUM_FAILED_STARTS;
    if (!this.#threads.every(hopeless)) return;
    for (const job of this.#schedule.drain()) job.reject(error);
  }

  /** Puts finals back to the head of the queue, or gives them up; partials and speculation are not worth a worker. */
  #retry(jobs: Job[], error: LinescribeError): void {
    for (const job of jobs.toReversed()) {
      if (job.settled) continue;
      if (this.#closed) job.reject(error);
      else if (!isCertain(job)) job.resolve(null);
      else if (job.tries >= MAXIMUM_TRIES) job.reject(error);
      else {
        this.#options.counters.add("asr.retries");
        this.#schedule.putBack(job);
      }
    }
  }

  /** Ends the workers; what is not answered yet is rejected with `ASR_CLOSED`. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new LinescribeError("ASR_CLOSED", "The recogniser was closed");
    for (const job of this.#schedule.drain()) job.reject(error);
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

/** Whether somebody waits for the answer whatever happens. */
function isCertain({ priority }: Job): boolean {
  return priority === "final" || priority === "file";
}
