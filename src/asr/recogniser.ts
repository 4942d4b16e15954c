/**
 * Recognises utterances in worker threads: a schedule in front, one batch at a time per worker.
 *
 * A worker that dies or does not answer in time is replaced. The finals that it was working on are tried once more,
 * alone, and then rejected: every final that was taken gets an answer.
 */
import type { Worker } from "node:worker_threads";
import { LinescribeError } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { type BatchRules, CPU_RULES } from "./batch-rules.ts";
import { Crew, type CrewListener } from "./crew.ts";
import { HeadStart } from "./head-start.ts";
import { type RecognitionRequest, takeIn } from "./intake.ts";
import type { Job, JobOwner, RecognitionJob } from "./job.ts";
import { whisperLanguage } from "./language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "./metadata.ts";
import { PartialPace } from "./pace.ts";
import { type RecogniserOptions, type SettledOptions, settleOptions } from "./recogniser-options.ts";
import { Schedule } from "./schedule.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";

/** Two failed tries and the utterance is given up. */
const MAXIMUM_TRIES = 2;
/** Partials and speculative finals that may wait: one of each per track of as many calls as a machine can carry. */
const HOPEFUL_MAXIMUM = 256;
/** Utterances of files that may wait: who reads a file waits for its answers, so each file has a few. */
const FILE_MAXIMUM = 256;

export class Recogniser {
  readonly metadata: WhisperMetadata;
  readonly #options: SettledOptions;
  readonly #rules: BatchRules;
  readonly #schedule: Schedule<Job>;
  readonly #pace = new PartialPace();
  readonly #headStart: HeadStart;
  readonly #crew: Crew;
  /** Finals, certain and speculative, that are not answered. */
  readonly #pending = new Set<Job>();
  readonly #owner: JobOwner = {
    remove: (removed) => this.#schedule.remove(removed),
    reschedule: (changed) => {
      this.#add(changed);
      this.#dispatch();
    },
  };
  #closed = false;

  private constructor(metadata: WhisperMetadata, options: SettledOptions) {
    this.metadata = metadata;
    this.#options = options;
    this.#rules = { ...CPU_RULES, ...options.rules };
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
    this.#crew = new Crew(options, this.#listener());
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
    const recogniser = new Recogniser(metadata, settleOptions(options));
    try {
      await recogniser.#crew.start();
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
    return this.#crew.threads.map(({ worker }) => worker);
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
    const { priority } = request;
    const { job, fault } = takeIn(request, this.metadata, this.#owner);
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

  #listener(): CrewListener {
    return {
      free: () => this.#dispatch(),
      answered: (jobs, workMs) => this.#learn(jobs, workMs),
      failed: (jobs, error) => {
        this.#retry(jobs, error);
        this.#dispatch();
      },
      gone: (error) => {
        for (const job of this.#schedule.drain()) job.reject(error);
      },
    };
  }

  /**
   * Gives every free worker something to do; in batches only when more waits than workers are free. Files leave one
   * worker to live calls, if there are two: an inference that runs cannot be interrupted.
   */
  #dispatch(): void {
    const { free } = this.#crew;
    for (const [index, thread] of free.entries()) {
      const others = free.length - index - 1;
      const waiting = this.#schedule.live || this.#schedule.length;
      const files = this.#crew.takesFiles;
      const jobs = this.#schedule.take(this.#rules, {
        rows: Math.min(this.#rules.rows, waiting - others),
        accepts: ({ priority }) => files || priority !== "file",
      });
      if (jobs.length === 0) return;
      void this.#crew.recognise(thread, jobs);
    }
  }

  /** How long things take, to judge by what may be asked for. */
  #learn(jobs: readonly Job[], workMs: number): void {
    const now = performance.now();
    if (jobs[0]?.priority !== "file") this.#headStart.worked(workMs);
    for (const { priority, submittedAt, audio } of jobs) {
      if (priority === "partial") this.#pace.answered(now - submittedAt);
      else if (priority !== "file") this.#headStart.answered(audio.pcm16k.length, now - submittedAt);
    }
  }

  /** Puts finals back to the head of the queue, or gives them up; partials and speculation are not worth a worker. */
  #retry(jobs: readonly Job[], error: LinescribeError): void {
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
    await this.#crew.close();
  }
}

/** Whether somebody waits for the answer whatever happens. */
function isCertain({ priority }: Job): boolean {
  return priority === "final" || priority === "file";
}
