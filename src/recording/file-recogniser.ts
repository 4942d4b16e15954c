/**
 * The recogniser of one recording: what it asks for has the recording's priority and hints, can be waited for, and is
 * given up when nobody wants the transcript any more.
 */
import { LinescribeError, messageOf } from "../base/error.ts";
import { MODEL_RATE_HZ } from "../base/time.ts";
import type { RecognisedText, RecognitionJob, RecognitionRequest, TextRecogniser } from "../call/ports.ts";

export interface FileRecogniserOptions {
  recogniser: TextRecogniser;
  priority: "final" | "file";
  /** What is likely to be said, as `asHints` returned it. */
  hints: readonly string[];
  signal?: AbortSignal | undefined;
}

export class FileRecogniser implements TextRecogniser {
  /** Nothing of a recording is live. */
  readonly partialIntervalMs = null;
  readonly #options: FileRecogniserOptions;
  readonly #jobs = new Set<RecognitionJob>();
  #pendingSamples = 0;
  #failure: LinescribeError | null = null;

  constructor(options: FileRecogniserOptions) {
    this.#options = options;
    options.signal?.addEventListener("abort", () => this.#giveUp(), { once: true });
  }

  /** Seconds of audio that are not answered. */
  get pendingSeconds(): number {
    return this.#pendingSamples / MODEL_RATE_HZ;
  }

  /** The first fault of the machine, and not of what was said; null when all is well. */
  get failure(): LinescribeError | null {
    return this.#failure;
  }

  /** A recording is not sketched. */
  headStartMs(): number {
    return 0;
  }

  submit(request: RecognitionRequest): RecognitionJob {
    const { recogniser, priority, hints, signal } = this.#options;
    if (signal?.aborted) return { answer: Promise.resolve(nothing(request)), promote() {}, drop() {} };
    const job = recogniser.submit({ ...request, hints, priority });
    const samples = request.pcm16k.length;
    this.#jobs.add(job);
    this.#pendingSamples += samples;
    const answered = (): void => {
      this.#jobs.delete(job);
      this.#pendingSamples -= samples;
    };
    const answer = job.answer.then(
      (result) => {
        answered();
        return result ?? nothing(request);
      },
      (error: unknown) => {
        answered();
        const fault = asError(error);
        if (fault.code !== "ASR_TOO_SHORT") this.#failure ??= fault;
        throw fault;
      },
    );
    return { answer, promote: () => job.promote(), drop: () => job.drop() };
  }

  /** What waits is not recognised; what a worker has begun runs to its end. */
  #giveUp(): void {
    if (this.#options.priority !== "file") return;
    for (const job of this.#jobs) job.drop();
  }
}

/** The answer to what is not wanted any more: nobody will read it. */
function nothing({ language }: RecognitionRequest): RecognisedText {
  return { text: "", logprob: 0, noSpeech: 1, language, words: [] };
}

function asError(error: unknown): LinescribeError {
  if (error instanceof LinescribeError) return error;
  return new LinescribeError("ASR_WORKER_LOST", messageOf(error), { cause: error });
}
