/**
 * One track's side of the detector: frames wait here, answers come back in order.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { BoundedQueue } from "../base/queue.ts";
import { VAD_FRAME_SAMPLES } from "./frame.ts";

export interface VadStream {
  /**
   * Hands over frames of 512 samples at 16 kHz, in [-1, 1]. The caller does not write to them afterwards.
   * More than `queueMaximumFrames` that wait to be sent fail the stream with `VAD_OVERLOADED`. After `close` or
   * a failure nothing happens.
   *
   * @throws {RangeError} when a frame has another length.
   */
  push(frames: Float32Array[]): void;
  /** Resolves when every frame pushed so far is answered; rejects when the stream failed or is closed. */
  end(): Promise<void>;
  /** Frees the stream; nothing is answered any more. */
  close(): void;
  /** Frames without an answer yet. A reader that is faster than real time waits while this is high. */
  readonly pendingFrames: number;
}

/** What a stream tells its detector. */
export interface StreamOwner {
  counters: Counters;
  /** Most frames that wait to be sent; up to 8 more are with the worker. */
  queueMaximumFrames: number;
  onFrames(stream: LiveStream): void;
  onClose(stream: LiveStream): void;
}

interface Waiter {
  resolve: () => void;
  reject: (error: LinescribeError) => void;
}

export class LiveStream implements VadStream {
  readonly id: number;
  readonly #owner: StreamOwner;
  readonly #onProbabilities: (probabilities: Float32Array) => void;
  readonly #onFailure: (error: LinescribeError) => void;
  /** Maximum and policy: a stream that passes it is failed, never thinned, for a hole would shift all times. */
  readonly #queue: BoundedQueue<Float32Array>;
  #waiters: Waiter[] = [];
  #unansweredFrames = 0;
  #ended: LinescribeError | null = null;

  constructor(
    id: number,
    owner: StreamOwner,
    onProbabilities: (probabilities: Float32Array) => void,
    onFailure: (error: LinescribeError) => void,
  ) {
    this.id = id;
    this.#owner = owner;
    this.#onProbabilities = onProbabilities;
    this.#onFailure = onFailure;
    this.#queue = new BoundedQueue({
      name: "vad.frames",
      maximum: owner.queueMaximumFrames,
      policy: "refuse",
      counters: owner.counters,
    });
  }

  get pendingFrames(): number {
    return this.#unansweredFrames;
  }

  /** Frames that are not yet on their way to the worker. */
  get queuedFrames(): number {
    return this.#queue.length;
  }

  push(frames: Float32Array[]): void {
    for (const { length } of frames) {
      if (length !== VAD_FRAME_SAMPLES) {
        throw new RangeError(`Expected frames of ${VAD_FRAME_SAMPLES} samples, got one of ${length}`);
      }
    }
    if (this.#ended !== null || frames.length === 0) return;
    for (const frame of frames) {
      if (!this.#queue.push(frame)) {
        this.#overloaded();
        return;
      }
      this.#unansweredFrames += 1;
    }
    this.#owner.onFrames(this);
  }

  async end(): Promise<void> {
    if (this.#ended !== null) throw this.#ended;
    if (this.#unansweredFrames === 0) return;
    await new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  close(): void {
    this.#finish(new LinescribeError("VAD_CLOSED", "The stream of voice activity was closed"));
  }

  /** Takes up to `maximum` frames off the queue; they stay pending. */
  take(maximum: number): Float32Array[] {
    const frames: Float32Array[] = [];
    while (frames.length < maximum) {
      const frame = this.#queue.shift();
      if (frame === undefined) break;
      frames.push(frame);
    }
    return frames;
  }

  answer(probabilities: Float32Array): void {
    if (this.#ended !== null) return;
    this.#unansweredFrames -= probabilities.length;
    this.#onProbabilities(probabilities);
    if (this.#unansweredFrames > 0) return;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  fail(error: LinescribeError): void {
    if (!this.#finish(error)) return;
    this.#owner.counters.add("vad.streams.failed");
    this.#onFailure(error);
  }

  #overloaded(): void {
    const { queueMaximumFrames } = this.#owner;
    this.fail(
      new LinescribeError(
        "VAD_OVERLOADED",
        `Expected at most ${queueMaximumFrames} frames of one stream to wait for voice activity, got more`,
        { retryable: true },
      ),
    );
  }

  /** Returns false when the stream had ended before. */
  #finish(error: LinescribeError): boolean {
    if (this.#ended !== null) return false;
    this.#ended = error;
    this.#queue.drain();
    this.#unansweredFrames = 0;
    this.#owner.onClose(this);
    for (const { reject } of this.#waiters.splice(0)) reject(error);
    return true;
  }
}
