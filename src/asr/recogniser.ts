/**
 * Recognises utterances in worker threads: a schedule in front, one batch at a time per worker.
 *
 * A worker that dies or does not answer in time is replaced. The finals that it was working on are tried once more,
 * alone, and then rejected: every final that was taken gets an answer. What a card failed over goes to processors.
 */
import type { Worker } from "node:worker_threads";
import { LinescribeError } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import { faultOf } from "./fault.ts";
import { type RecognitionRequest, takeIn } from "./intake.ts";
import type { Job, JobOwner, RecognitionJob } from "./job.ts";
import { whisperLanguage } from "./language.ts";
import { readCommonMetadata, type WhisperMetadata } from "./metadata.ts";
import { PartialPace } from "./pace.ts";
import { isMisfit, type Misfit, type Portion } from "./portions.ts";
import { type RecogniserOptions, type SettledOptions, settleOptions } from "./recogniser-options.ts";
import { Roster, type RosterListener } from "./roster.ts";
import { Schedule } from "./schedule.ts";
import type { Recognition, UtteranceAudio } from "./whisper.ts";

/** Two failed tries and the utterance is given up. */
const MAXIMUM_TRIES = 2;
/** Partials and speculative finals that may wait: one of each per track of as many calls as a machine can carry. */
const HOPEFUL_MAXIMUM = 256;
/** The same of a machine with cards. */
const HOPEFUL_MAXIMUM_OF_CARDS = 8192;
/** Utterances of files that may wait: who reads a file waits for its answers, so each file has a few. */
const FILE_MAXIMUM = 256;

export class Recogniser {
  readonly metadata: WhisperMetadata;
  readonly #options: SettledOptions;
  readonly #schedule: Schedule<Job>;
  readonly #pace = new PartialPace();
  readonly #roster: Roster;
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
    const hopeful = options.cards ? HOPEFUL_MAXIMUM_OF_CARDS : HOPEFUL_MAXIMUM;
    this.#schedule = new Schedule<Job>({
      maximum: {
        final: options.queueMaximum,
        speculative: hopeful,
        partial: hopeful,
        file: FILE_MAXIMUM,
      },
      counters: options.counters,
    });
    this.#roster = new Roster(options, this.#schedule, this.#listener());
  }

  /**
   * Starts the workers and waits until all have loaded the model.
   *
   * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED`, or of a card `ASR_OUT_OF_MEMORY` or `ASR_CARD_LOST`.
   */
  static async start(options: RecogniserOptions): Promise<Recogniser> {
    expectInteger("workers", options.workers, 1, 256);
    expectInteger("threads", options.threads, 1, 256);
    const metadata = await readCommonMetadata((options.cards ?? options).modelPath, options.modelPath);
    const recogniser = new Recogniser(metadata, settleOptions(options));
    try {
      await recogniser.#roster.start();
    } catch (error) {
      await recogniser.close();
      throw error;
    }
    return recogniser;
  }

  /**
   * Seconds of live audio that were taken to become finals and are not answered yet; while cards are up, per row that
   * they do at once, so that the same limit means about as long a wait on both.
   */
  get pendingSeconds(): number {
    const samples = [...this.#pending].reduce((sum, { audio }) => sum + audio.pcm16k.length, 0);
    return samples / MODEL_RATE_HZ / this.#roster.rowsOfCards;
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
    return this.fallenBack ? null : this.#pace.intervalMs(this.finalWaitMs);
  }

  /** Whether all cards are lost, and processors do what they can in their place: finals, without partials. */
  get fallenBack(): boolean {
    return this.#roster.fallenBack;
  }

  /** How many cards there should be and how many are up; null without cards. */
  get cards(): { planned: number; up: number } | null {
    return this.#roster.cards;
  }

  /** How long before it is due a final of so much audio is worth beginning, ms; Infinity while there is time to spare. */
  headStartMs(audioMs: number): number {
    return this.#roster.serving.headStart.ms(audioMs);
  }

  /** Worker threads, those of cards first; null while one is being replaced. For fault injection in tests. */
  get workers(): readonly (Worker | null)[] {
    return this.#roster.crews.flatMap(({ threads }) => threads);
  }

  /** The language code that every model here has for a tag, `auto`, or null. See `whisperLanguage`. */
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
    const { job, fault } = takeIn(request, this.metadata, this.#owner, this.#options.cards !== null);
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

  #listener(): RosterListener {
    return {
      changed: () => this.#dispatch(),
      answered: (jobs, portions, byCard) => this.#answer(jobs, portions, byCard),
      failed: (jobs, error, byCard) => {
        this.#retry(jobs, error, byCard);
        this.#dispatch();
      },
      hopeless: (accepts, error) => {
        for (const job of this.#schedule.drain(accepts)) job.reject(error);
      },
    };
  }

  #dispatch(): void {
    // Processors in the place of cards have no time for partials.
    if (this.fallenBack) {
      for (const job of this.#schedule.drain(({ priority }) => priority === "partial")) job.resolve(null);
    }
    this.#roster.feed();
  }

  #answer(jobs: readonly Job[], portions: readonly Portion[], byCard: boolean): void {
    const now = performance.now();
    for (const [index, job] of jobs.entries()) {
      const portion = portions[index] as Portion;
      if (isMisfit(portion)) this.#retry([job], errorOf(portion), byCard);
      else {
        if (job.priority === "partial") this.#pace.answered(now - job.submittedAt);
        job.resolve(portion);
      }
    }
    this.#dispatch();
  }

  /** Puts finals back to the head of the queue, or gives them up; partials and speculation are not worth a worker. */
  #retry(jobs: readonly Job[], error: LinescribeError, byCard: boolean): void {
    for (const job of jobs.toReversed()) {
      if (job.settled) continue;
      if (byCard) job.leaveCards();
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
    await this.#roster.close();
  }
}

/** Whether somebody waits for the answer whatever happens. */
function isCertain({ priority }: Job): boolean {
  return priority === "final" || priority === "file";
}

function errorOf({ misfit }: Misfit): LinescribeError {
  const code = faultOf(misfit) === "memory" ? "ASR_OUT_OF_MEMORY" : "ASR_WORKER_LOST";
  return new LinescribeError(code, `Inference failed: ${misfit}`);
}
