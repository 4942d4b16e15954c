/**
 * The speech detector: frames of all live streams are gathered, judged side by side in one worker thread, and
 * answered in order. Inference never runs on the main thread.
 */
import type { Worker } from "node:worker_threads";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import type { Logger } from "../base/log.ts";
import { VAD_FRAME_SAMPLES } from "./frame.ts";
import type { SileroWorkerData } from "./silero-message.ts";
import { type ProbabilitiesAnswer, SileroThread } from "./silero-thread.ts";
import { LiveStream, type VadStream } from "./stream.ts";

export type { VadStream } from "./stream.ts";

/** Streams in one request; the cost of a row has levelled off by then. */
const BATCH_MAXIMUM_STREAMS = 64;
/** Frames of one stream in one request, so that a file read at full speed does not hold up live calls. */
const BATCH_MAXIMUM_FRAMES = 8;
/** How long the first frame of several streams waits for the others: a third of a frame. */
const GATHER_MS = 10;
/** 30 s of audio, 1.9 MB. */
const QUEUE_MAXIMUM_FRAMES = 938;

export interface SpeechDetectorOptions {
  /** The Silero file, already verified. */
  modelPath: string;
  logger: Logger;
  /**
   * Receives `vad.frames.added|refused|answered|retried`, `vad.requests`, `vad.runs`, `vad.workers.lost` and
   * `vad.streams.failed`.
   */
  counters: Counters;
  /** Frames waiting to be sent beyond which a stream fails with `VAD_OVERLOADED`, >= 1. Default 938 (30 s). */
  queueMaximumFrames?: number;
  /** For tests: makes the worker thread. */
  createWorker?: (data: SileroWorkerData) => Worker;
  /** For tests: how long a request may take before the worker counts as lost. Default 10 s. */
  answerDeadlineMs?: number;
}

/** What the worker is busy with. The frames are kept, so that they can be sent a second time. */
interface Request {
  number: number;
  parts: { stream: LiveStream; frames: Float32Array[] }[];
  attempt: 1 | 2;
}

/**
 * A worker that dies is replaced: streams go on with fresh state, and the request it was busy with is sent once
 * more. When that fails as well, its streams fail with `VAD_WORKER_LOST`; when no worker comes up, all do, and
 * the next `open` tries again. So every frame is answered or its stream is told.
 */
export class SpeechDetector {
  readonly #options: SpeechDetectorOptions;
  readonly #queueMaximumFrames: number;
  readonly #streams = new Map<number, LiveStream>();
  /** Streams with queued frames, longest waiting first. */
  readonly #ready = new Set<LiveStream>();
  #thread: SileroThread | null = null;
  #starting: Promise<void> | null = null;
  #request: Request | null = null;
  #gathering: NodeJS.Timeout | undefined;
  #requests = 0;
  #opened = 0;
  #closed = false;

  private constructor(options: SpeechDetectorOptions) {
    this.#options = options;
    this.#queueMaximumFrames = expectInteger(
      "queueMaximumFrames",
      options.queueMaximumFrames ?? QUEUE_MAXIMUM_FRAMES,
      1,
    );
  }

  /**
   * Starts the worker and loads the model.
   *
   * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED` or `VAD_WORKER_LOST`.
   */
  static async start(options: SpeechDetectorOptions): Promise<SpeechDetector> {
    const detector = new SpeechDetector(options);
    detector.#adopt(await SileroThread.start(options));
    return detector;
  }

  /**
   * Opens a stream with fresh state.
   *
   * @param onProbabilities - Told the speech probabilities of the next frames, 0..1, exactly one a frame and in
   *   order. The array is the receiver's.
   * @param onFailure - Told at most once; the stream is closed by then.
   * @throws {LinescribeError} `VAD_CLOSED` after `close`.
   */
  open(
    onProbabilities: (probabilities: Float32Array) => void,
    onFailure: (error: LinescribeError) => void,
  ): VadStream {
    if (this.#closed) throw new LinescribeError("VAD_CLOSED", "The speech detector is closed");
    this.#opened += 1;
    const owner = {
      counters: this.#options.counters,
      queueMaximumFrames: this.#queueMaximumFrames,
      onFrames: (stream: LiveStream) => this.#queued(stream),
      onClose: (stream: LiveStream) => this.#forget(stream),
    };
    const stream = new LiveStream(this.#opened, owner, onProbabilities, onFailure);
    this.#streams.set(stream.id, stream);
    if (this.#thread === null) this.#restart();
    return stream;
  }

  /** Fails every stream with `VAD_CLOSED` and ends the worker. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#gathering);
    this.#failAll(new LinescribeError("VAD_CLOSED", "The speech detector was closed"));
    await this.#starting;
    await this.#thread?.end();
    this.#thread = null;
  }

  #queued(stream: LiveStream): void {
    this.#ready.add(stream);
    this.#schedule(stream.queuedFrames > 1);
  }

  /** Sends at once where waiting gathers nothing (one stream, a full batch) or a stream is behind; else soon. */
  #schedule(behind: boolean): void {
    if (this.#ready.size === 0) return;
    if (behind || this.#streams.size === 1 || this.#ready.size >= BATCH_MAXIMUM_STREAMS) this.#pump();
    else this.#gathering ??= setTimeout(() => this.#pump(), GATHER_MS);
  }

  #forget(stream: LiveStream): void {
    this.#streams.delete(stream.id);
    this.#ready.delete(stream);
    this.#thread?.forget(stream.id);
  }

  /** Sends the next request if the worker is free. While it is busy frames pile up, so load makes batches. */
  #pump(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#request !== null || this.#thread === null || this.#ready.size === 0) return;
    const parts = [...this.#ready].slice(0, BATCH_MAXIMUM_STREAMS).map((stream) => {
      this.#ready.delete(stream);
      const frames = stream.take(BATCH_MAXIMUM_FRAMES);
      if (stream.queuedFrames > 0) this.#ready.add(stream);
      return { stream, frames };
    });
    this.#requests += 1;
    this.#request = { number: this.#requests, parts, attempt: 1 };
    this.#post(this.#thread, this.#request);
  }

  #post(thread: SileroThread, { number, parts }: Request): void {
    const counts = parts.map(({ frames }) => frames.length);
    const all = parts.flatMap(({ frames }) => frames);
    const samples = new Float32Array(all.length * VAD_FRAME_SAMPLES);
    all.forEach((frame, index) => {
      samples.set(frame, index * VAD_FRAME_SAMPLES);
    });
    this.#options.counters.add("vad.requests");
    thread.post({ request: number, streams: parts.map(({ stream }) => stream.id), counts, samples });
  }

  #answered({ request, probabilities, runs }: ProbabilitiesAnswer): void {
    const answered = this.#request;
    if (answered === null || answered.number !== request) return;
    this.#request = null;
    this.#options.counters.add("vad.runs", runs);
    this.#options.counters.add("vad.frames.answered", probabilities.length);
    let at = 0;
    for (const { stream, frames } of answered.parts) {
      stream.answer(probabilities.slice(at, at + frames.length));
      at += frames.length;
    }
    this.#schedule([...this.#ready].some((stream) => stream.queuedFrames > 1));
  }

  #adopt(thread: SileroThread): void {
    this.#thread = thread;
    thread.onAnswer = (answer) => this.#answered(answer);
    thread.onLost = (reason) => this.#lost(reason);
    // A stream that closed meanwhile must not come to life in the new worker.
    const parts = this.#request?.parts.filter(({ stream }) => this.#streams.has(stream.id)) ?? [];
    if (this.#request === null || parts.length === 0) {
      this.#request = null;
      this.#pump();
      return;
    }
    this.#request.parts = parts;
    const frames = parts.reduce((sum, part) => sum + part.frames.length, 0);
    this.#options.counters.add("vad.frames.retried", frames);
    this.#post(thread, this.#request);
  }

  #lost(reason: string): void {
    this.#thread = null;
    const { counters, logger } = this.#options;
    counters.add("vad.workers.lost");
    logger.warn({ reason, streams: this.#streams.size }, "the voice activity worker was lost");
    const request = this.#request;
    if (request !== null && request.attempt === 1) {
      request.attempt = 2;
      counters.add(
        "vad.frames.retried",
        request.parts.map(({ frames }) => frames.length).reduce((a, b) => a + b, 0),
      );
    } else if (request !== null) {
      this.#request = null;
      const error = new LinescribeError(
        "VAD_WORKER_LOST",
        `The voice activity worker died twice over the same frames: ${reason}`,
      );
      for (const { stream } of request.parts) stream.fail(error);
    }
    this.#restart();
  }

  #restart(): void {
    if (this.#starting !== null || this.#closed) return;
    this.#starting = SileroThread.start(this.#options)
      .then((thread) => this.#adopt(thread))
      .catch((cause: unknown) => {
        const error = new LinescribeError(
          "VAD_WORKER_LOST",
          `The voice activity worker could not be started again: ${messageOf(cause)}`,
          { cause },
        );
        this.#options.logger.error({ reason: messageOf(cause) }, "no voice activity worker can be started");
        this.#failAll(error);
      })
      .finally(() => {
        this.#starting = null;
      });
  }

  #failAll(error: LinescribeError): void {
    this.#request = null;
    for (const stream of [...this.#streams.values()]) stream.fail(error);
  }
}
