/**
 * Listens to one track for as long as it lasts: when speech detection fails, it goes on with the next samples, and tells
 * what nobody listened to.
 */
import { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import { Listener, type ListenerOptions } from "./listener.ts";
import type { Detector } from "./ports.ts";

export interface TrackListenerOptions extends ListenerOptions {
  /** Speech detection failed, as `onFailure` told, and this was not listened to; media time of the call, ms. */
  onUnheard?: (startMs: number, endMs: number, error: LinescribeError) => void;
}

/**
 * What was not listened to is told once somebody listens again, as one however often speech detection fails meanwhile; a
 * longer piece is told at once, ms. Whoever feeds a track waits while more than this is not settled, and sends nothing.
 */
const LONGEST_UNTOLD_MS = 10_000;

export class TrackListener {
  readonly #options: TrackListenerOptions;
  /** Null until audio comes, and from a failure of speech detection to the next samples. */
  #listener: Listener | null = null;
  /** Media time of the call at the first sample of the listener, ms. */
  #listeningFromMs: number;
  /** What was pushed, at 16 kHz, and the media time that was skipped between. */
  #samples = 0;
  #skippedMs = 0;
  /** From here to where the listener starts, nothing was listened to. */
  #unheard: { startMs: number; error: LinescribeError } | null = null;

  constructor(options: TrackListenerOptions) {
    this.#options = options;
    this.#listeningFromMs = options.offsetMs;
  }

  /** Media time of the call at the next sample that is pushed, ms. */
  get pushedMs(): number {
    return this.#options.offsetMs + this.#skippedMs + samplesToMs(this.#samples, MODEL_RATE_HZ);
  }

  /** Media time of the call before which nothing is left to be told of, ms. */
  get settledMs(): number {
    return Math.min(this.#unheard?.startMs ?? Infinity, this.#listener?.settledMs ?? this.pushedMs);
  }

  /** Media time that was received but not looked at yet, ms. */
  get backlogMs(): number {
    return this.#listener?.backlogMs ?? 0;
  }

  /** Takes the next samples, 16 kHz mono in [-1, 1]; kept without a copy. */
  push(pcm16k: Float32Array): void {
    if (pcm16k.length === 0) return;
    this.#listener ??= this.#listen();
    this.#samples += pcm16k.length;
    this.#listener?.push(pcm16k);
    if (this.#listener === null) this.#tellLong();
  }

  /** Media time goes on by `ms` without samples, see `Listener.skip`. */
  skip(ms: number): void {
    this.#skippedMs += ms;
    this.#listener?.skip(ms);
  }

  /** Resolves when everything pushed so far was looked at, or speech detection failed. */
  async caughtUp(): Promise<void> {
    await this.#listener?.caughtUp();
  }

  /** Ends the open utterance where the samples are now, see `Listener.flush`. */
  async flush(): Promise<void> {
    await this.#listener?.flush();
  }

  /**
   * Looks at everything and emits the utterance that was open.
   *
   * @param endMs - Where the track ends, media time of the call.
   */
  async end(endMs = this.pushedMs): Promise<void> {
    await this.#listener?.end();
    this.#tellUnheard(endMs);
  }

  #listen(): Listener | null {
    this.#listeningFromMs = this.pushedMs;
    const { detector } = this.#options;
    const open: Detector["open"] = (onProbabilities, onFailure) =>
      detector.open((probabilities) => {
        this.#tellUnheard(this.#listeningFromMs);
        onProbabilities(probabilities);
      }, onFailure);
    try {
      return new Listener({
        ...this.#options,
        offsetMs: this.#listeningFromMs,
        detector: { open },
        onFailure: (error) => this.#failed(error),
      });
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      this.#unheard ??= { startMs: this.#listeningFromMs, error };
      return null;
    }
  }

  /** The next samples open a new listener; what was open and what comes until then is not listened to. */
  #failed(error: LinescribeError): void {
    const listener = this.#listener;
    this.#listener = null;
    this.#unheard ??= { startMs: listener?.settledMs ?? this.#listeningFromMs, error };
    this.#options.onFailure(error);
    this.#tellLong();
  }

  #tellLong(): void {
    const untoldMs = this.pushedMs - (this.#unheard?.startMs ?? Infinity);
    if (untoldMs > LONGEST_UNTOLD_MS) this.#tellUnheard(this.pushedMs);
  }

  #tellUnheard(untilMs: number): void {
    if (!this.#unheard) return;
    const { startMs, error } = this.#unheard;
    this.#unheard = null;
    if (untilMs > startMs) this.#options.onUnheard?.(Math.round(startMs), Math.round(untilMs), error);
  }
}
