/**
 * Listens to one track: samples in, utterances with their samples out.
 *
 * 16 kHz -> frames -> speech probability -> endpointer -> utterance
 */
import { Framer } from "../audio/framer.ts";
import type { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import { Endpointer, type Utterance } from "../vad/endpointer.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../vad/frame.ts";
import type { VadStream } from "../vad/stream.ts";
import type { Detector } from "./ports.ts";
import { RecentAudio } from "./recent-audio.ts";
import type { OpenUtterance } from "./sketch.ts";

/** An utterance with its samples and its place in the call. */
export interface HeardUtterance {
  /** 16 kHz mono in [-1, 1]. */
  pcm16k: Float32Array;
  startMs: number;
  endMs: number;
  /** What ended it: silence, its greatest length, or that nothing was to follow; left out where nobody listened. */
  endedBy?: "silence" | "length" | "flush";
  /** It reaches the first or the last sample that was listened to: speech may be missing on that side. Default false. */
  torn?: boolean;
  /** Time in it that counts as speech, and how sure the detector was of it, 0..1; left out where nobody listened. */
  speechMs?: number;
  meanProbability?: number;
}

export interface ListenerOptions {
  /** Media time of the call at the first sample, ms. */
  offsetMs: number;
  endpointer: EndpointerOptions;
  detector: Detector;
  onUtterance: (utterance: HeardUtterance) => void;
  /** The utterance that is open has gone on. */
  onOpen?: (open: OpenUtterance) => void;
  /** Speech detection failed: what was open is emitted by then, and nothing more comes out. */
  onFailure: (error: LinescribeError) => void;
}

/** From a sample on, media time is this far ahead of the samples. */
interface Shift {
  fromSample: number;
  offsetMs: number;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #framer = new Framer(VAD_FRAME_SAMPLES);
  readonly #audio = new RecentAudio();
  readonly #endpointer: Endpointer;
  readonly #vad: VadStream;
  /** In order; the first holds for everything that is still of interest. */
  readonly #shifts: Shift[];
  #heardFrames = 0;
  #pushedFrames = 0;
  #failed = false;
  /** Utterances that are to end where the samples were, in order. */
  readonly #flushes: { atFrame: number; resolve: () => void }[] = [];

  /** @throws {LinescribeError} `VAD_CLOSED` when the detector is closed. */
  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#shifts = [{ fromSample: 0, offsetMs: options.offsetMs }];
    this.#endpointer = new Endpointer(options.endpointer);
    this.#vad = options.detector.open(
      (probabilities) => this.#heard(probabilities),
      (error) => this.#fail(error),
    );
  }

  /** Media time of the call before which no further utterance will start, ms. */
  get settledMs(): number {
    return this.#timeOf(Math.min(this.#endpointer.settledSample, this.#audio.end));
  }

  /** Media time that was received but not looked at yet, ms. */
  get backlogMs(): number {
    return this.#vad.pendingFrames * VAD_FRAME_MS;
  }

  /** Takes the next samples, 16 kHz mono in [-1, 1]; kept without a copy. */
  push(pcm16k: Float32Array): void {
    if (pcm16k.length === 0 || this.#failed) return;
    this.#audio.push(pcm16k);
    this.#look(this.#framer.push(pcm16k));
  }

  /**
   * Media time goes on by `ms` without samples. The caller has pushed enough silence to end every utterance, and pushes
   * enough for the pre-roll of the next one behind it.
   */
  skip(ms: number): void {
    const last = this.#shifts.at(-1) as Shift;
    this.#shifts.push({ fromSample: this.#audio.end, offsetMs: last.offsetMs + ms });
  }

  /** Resolves when everything pushed so far was looked at, or speech detection failed. */
  async caughtUp(): Promise<void> {
    try {
      if (!this.#failed) await this.#vad.end();
    } catch {
      // The failure was told to `onFailure`; what was heard before it still counts.
    }
  }

  /**
   * Ends the open utterance where the samples are now, to the last whole frame (32 ms), whatever is pushed meanwhile;
   * listening goes on. Resolves when it was emitted.
   */
  async flush(): Promise<void> {
    if (this.#failed) return;
    const atFrame = this.#pushedFrames;
    if (atFrame > this.#heardFrames) {
      await new Promise<void>((resolve) => this.#flushes.push({ atFrame, resolve }));
    } else for (const utterance of this.#endpointer.flush()) this.#emit(utterance);
  }

  /** Looks at everything and emits the utterance that was open. */
  async end(): Promise<void> {
    const last = this.#framer.flush();
    if (last) this.#look([last]);
    await this.caughtUp();
    for (const utterance of this.#endpointer.flush()) this.#emit(utterance);
    this.#vad.close();
  }

  #look(frames: Float32Array[]): void {
    if (frames.length === 0 || this.#failed) return;
    this.#pushedFrames += frames.length;
    this.#vad.push(frames);
  }

  #heard(probabilities: Float32Array): void {
    for (const probability of probabilities) {
      this.#heardFrames += 1;
      for (const utterance of this.#endpointer.push(probability)) {
        this.#emit(utterance, utterance.forced ? "length" : "silence");
      }
      while (this.#flushes[0]?.atFrame === this.#heardFrames) {
        for (const utterance of this.#endpointer.flush()) this.#emit(utterance);
        this.#flushes.shift()?.resolve();
      }
    }
    this.#tellOpen();
    const settled = this.#endpointer.settledSample;
    this.#audio.forget(settled);
    while ((this.#shifts[1]?.fromSample ?? Infinity) <= settled) this.#shifts.shift();
  }

  #tellOpen(): void {
    const open = this.#options.onOpen ? this.#endpointer.openUtterance : null;
    if (open === null) return;
    const { startSample, endSample, pauseMs, silenceMs } = open;
    this.#options.onOpen?.({
      startMs: this.#timeOf(startSample),
      endMs: this.#timeOf(endSample),
      pauseMs,
      silenceMs,
      heardMs: this.#timeOf(this.#heardFrames * VAD_FRAME_SAMPLES),
      audio: () => this.#audio.slice(startSample, endSample),
    });
  }

  #emit(
    { startSample, endSample, speechMs, meanProbability }: Utterance,
    endedBy: NonNullable<HeardUtterance["endedBy"]> = "flush",
  ): void {
    const lastSample = this.#heardFrames * VAD_FRAME_SAMPLES;
    this.#options.onUtterance({
      endedBy,
      torn: startSample === 0 || (endedBy === "flush" && endSample === lastSample),
      pcm16k: this.#audio.slice(startSample, endSample),
      startMs: this.#timeOf(startSample),
      endMs: this.#timeOf(endSample),
      speechMs,
      meanProbability,
    });
  }

  #timeOf(sample: number): number {
    const { offsetMs } =
      this.#shifts.findLast(({ fromSample }) => fromSample <= sample) ?? (this.#shifts[0] as Shift);
    return Math.round(offsetMs + samplesToMs(sample, MODEL_RATE_HZ));
  }

  #fail(error: LinescribeError): void {
    this.#failed = true;
    for (const utterance of this.#endpointer.flush()) this.#emit(utterance);
    for (const { resolve } of this.#flushes.splice(0)) resolve();
    this.#options.onFailure(error);
  }
}
