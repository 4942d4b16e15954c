/**
 * One utterance on its way through the recogniser: from `submit` to its only answer.
 */
import type { LinescribeError } from "../base/error.ts";
import { NO_HINTS } from "./hints.ts";
import type { Priority, Scheduled } from "./schedule.ts";
import type { OpenAudio, Recognition, UtteranceAudio } from "./whisper.ts";

/** What the one who submitted an utterance holds. */
export interface RecognitionJob {
  /**
   * The recognition, or null when it was dropped: by `drop`, a partial also by the next one of its source or by a full
   * queue, a speculative one also by a full queue or a lost worker.
   *
   * Rejects with a LinescribeError: `ASR_OVERLOADED` (not taken), `ASR_WORKER_LOST` or `ASR_TIMEOUT` (tried twice),
   * `ASR_CLOSED`, or what `utteranceFault` says of it.
   */
  readonly answer: Promise<Recognition | null>;
  /** A speculative final is wanted for certain: it is never dropped from now on. */
  promote(): void;
  /** The answer is not wanted any more. Not for a final. */
  drop(): void;
}

export interface JobOwner {
  /** Takes it out of the queue; whether it was waiting there. */
  remove(job: Job): boolean;
  /** Takes it in again, as what it has become. */
  reschedule(job: Job): void;
}

export class Job implements RecognitionJob, Scheduled {
  readonly audio: UtteranceAudio | OpenAudio;
  readonly source: string;
  readonly windowSamples: number;
  readonly submittedAt = performance.now();
  /** Since when its answer cannot be done without, ms of `performance.now()`; null for what is no final. */
  #finalSince: number | null;
  readonly answer: Promise<Recognition | null>;
  readonly #owner: JobOwner;
  #priority: Priority;
  #settled = false;
  #resolve!: (recognition: Recognition | null) => void;
  #reject!: (error: LinescribeError) => void;
  /** Inferences that it was part of; of processors only, once it has left the cards. */
  tries = 0;
  #offCards = false;

  constructor(
    audio: UtteranceAudio | OpenAudio,
    { priority, source, windowSamples }: Pick<Scheduled, "priority" | "source" | "windowSamples">,
    owner: JobOwner,
  ) {
    this.audio = audio;
    this.#priority = priority;
    this.#finalSince = priority === "final" ? this.submittedAt : null;
    this.source = source;
    this.windowSamples = windowSamples;
    this.#owner = owner;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get priority(): Priority {
    return this.#priority;
  }

  get language(): string {
    return this.audio.language;
  }

  get hints(): readonly string[] {
    return this.audio.hints ?? NO_HINTS;
  }

  get alone(): boolean {
    return this.tries > 0;
  }

  /** Whether a card failed over it, or had no memory for it: it is for processors from then on. */
  get offCards(): boolean {
    return this.#offCards;
  }

  /** Processors try it as if it were new: whoever shared its batch did no wrong. */
  leaveCards(): void {
    this.#offCards = true;
    this.tries = 0;
  }

  get finalSince(): number | null {
    return this.#finalSince;
  }

  get settled(): boolean {
    return this.#settled;
  }

  promote(): void {
    if (this.#priority === "final") return;
    const waiting = this.#owner.remove(this);
    this.#priority = "final";
    this.#finalSince = performance.now();
    if (waiting) this.#owner.reschedule(this);
  }

  drop(): void {
    if (this.#priority === "final") throw new TypeError("Expected a job that is no final");
    this.#owner.remove(this);
    this.resolve(null);
  }

  /** The first answer counts. */
  resolve(recognition: Recognition | null): void {
    this.#settled = true;
    this.#resolve(recognition);
  }

  reject(error: LinescribeError): void {
    this.#settled = true;
    this.#reject(error);
  }
}
