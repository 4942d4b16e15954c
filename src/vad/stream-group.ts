/**
 * The streams of one worker: their frames are gathered, judged side by side in its thread, and answered in order.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { VAD_FRAME_SAMPLES } from "./frame.ts";
import { type ProbabilitiesAnswer, SileroThread, type SileroThreadOptions } from "./silero-thread.ts";
import { LiveStream } from "./stream.ts";

/** Streams in one request; the cost of a row has levelled off by then (`npm run bench -- vad`). */
const BATCH_MAXIMUM_STREAMS = 64;
/** Frames of one stream in one request, so that a file read at full speed does not hold up live calls. */
const BATCH_MAXIMUM_FRAMES = 8;
/** How long the first frame of several streams waits for the others: a third of a frame. */
const GATHER_MS = 10;

export interface StreamGroupOptions extends SileroThreadOptions {
  logger: Logger;
  counters: Counters;
  /** Frames waiting to be sent beyond which a stream fails, >= 1. */
  queueMaximumFrames: number;
}

/** What the worker is busy with. The frames are kept, so that they can be sent a second time. */
interface Request {
  number: number;
  parts: { stream: LiveStream; frames: Float32Array[] }[];
  attempt: 1 | 2;
}

/**
 * A worker that dies is replaced: its streams go on with fresh state, and the request it was busy with is sent once
 * more. When that fails as well, the streams of that request fail with `VAD_WORKER_LOST`; when no worker comes up, all
 * of this group do, and `revive` tries again. So every frame is answered or its stream is told. Streams of other groups
 * notice nothing.
 */
export class StreamGroup {
  /** Position among the groups, for the log. */
  readonly #index: number;
  readonly #options: StreamGroupOptions;
  readonly #streams = new Map<number, LiveStream>();
  /** Streams with queued frames, longest waiting first. */
  readonly #ready = new Set<LiveStream>();
  #thread: SileroThread | null = null;
  #starting: Promise<void> | null = null;
  #request: Request | null = null;
  #gathering: NodeJS.Timeout | undefined;
  #requests = 0;
  #closed = false;

  private constructor(index: number, options: StreamGroupOptions) {
    this.#index = index;
    this.#options = options;
  }

  /**
   * Starts the worker and loads the model.
   *
   * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_ALTERED` or `VAD_WORKER_LOST`.
   */
  static async start(index: number, options: StreamGroupOptions): Promise<StreamGroup> {
    const group = new StreamGroup(index, options);
    group.#adopt(await SileroThread.start(options));
    return group;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Whether its worker is there; else one is starting, or none could be started. */
  get isUp(): boolean {
    return this.#thread !== null;
  }

  /** Starts a worker where there is none; as long as none is up, frames wait in their streams. */
  revive(): void {
    if (this.#thread === null) this.#restart();
  }

  /** Opens a stream with fresh state; see `SpeechDetector.open`. */
  open(
    id: number,
    onProbabilities: (probabilities: Float32Array) => void,
    onFailure: (error: LinescribeError) => void,
  ): LiveStream {
    const owner = {
      counters: this.#options.counters,
      queueMaximumFrames: this.#options.queueMaximumFrames,
      onFrames: (stream: LiveStream) => this.#queued(stream),
      onClose: (stream: LiveStream) => this.#forget(stream),
    };
    const stream = new LiveStream(id, owner, onProbabilities, onFailure);
    this.#streams.set(stream.id, stream);
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

  #answered({ request, probabilities, runs, busyMs }: ProbabilitiesAnswer): void {
    const answered = this.#request;
    if (answered === null || answered.number !== request) return;
    this.#request = null;
    this.#options.counters.add("vad.runs", runs);
    this.#options.counters.add("vad.busyMs", busyMs);
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
    logger.warn(
      { reason, worker: this.#index, streams: this.#streams.size },
      "a voice activity worker was lost",
    );
    const request = this.#request;
    if (request !== null && request.attempt === 1) {
      request.attempt = 2;
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
        this.#options.logger.error(
          { reason: messageOf(cause), worker: this.#index, streams: this.#streams.size },
          "a voice activity worker cannot be started again",
        );
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
