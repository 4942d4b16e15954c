/**
 * Cuts a session's audio into overlapping windows of one length, and says how much speech is in each.
 */
import { Framer } from "../audio/framer.ts";
import type { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, MODEL_SAMPLES_PER_MS, samplesToMs } from "../base/time.ts";
import type { Detector } from "../call/ports.ts";
import { RecentAudio } from "../call/recent-audio.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../vad/frame.ts";
import { PROFILES } from "../vad/profile.ts";
import type { VadStream } from "../vad/stream.ts";
import { type ContextBounds, contextStart } from "./context.ts";

/** Media time of the session, ms. */
export interface SoundWindow {
  index: number;
  startMs: number;
  endMs: number;
  /** Start of the next window, within this one; null when nothing follows that overlaps. */
  nextStartMs: number | null;
  /** How much of what lies before it is at the head of `pcm16k`. */
  contextMs: number;
  /** 16 kHz mono; null when nobody speaks in it, or all of it was in the window before. */
  pcm16k: Float32Array | null;
  speechMs: number;
  /** Mean speech probability of its frames of speech, 0..1. */
  meanProbability: number;
}

/** A window that is not full yet. */
export interface OpenWindow {
  index: number;
  startMs: number;
  heardMs: number;
  audio: () => Float32Array;
}

export interface WindowsOptions {
  chunkMs: number;
  overlapMs: number;
  /** What lies before a window and is given with it, as far as there is any. */
  context: ContextBounds;
  detector: Detector;
  onWindow: (window: SoundWindow) => void;
  /** The open window has gone on, and somebody speaks in it. */
  onOpen: (window: OpenWindow) => void;
  /** Speech detection failed: from now on every window counts as speech. */
  onFailure: (error: LinescribeError) => void;
}

const SPEECH_PROBABILITY = PROFILES.pcm.offsetThreshold;

export class Windows {
  readonly #options: WindowsOptions;
  readonly #chunkSamples: number;
  readonly #stepSamples: number;
  /** What is kept of what lies before the open window. */
  readonly #keptSamples: number;
  readonly #audio = new RecentAudio();
  readonly #framer = new Framer(VAD_FRAME_SAMPLES);
  readonly #vad: VadStream;
  /** Speech probabilities from `#firstFrame` on: of all samples that are kept. */
  #probabilities: number[] = [];
  #firstFrame = 0;
  #heardFrames = 0;
  #pushedFrames = 0;
  /** First sample of the open window, and the end of the one before it. */
  #start = 0;
  #cutEnd = 0;
  #index = 0;
  #deaf = false;
  /** Windows that are to end where the samples were, in order. */
  readonly #flushes: { atFrame: number; resolve: () => void }[] = [];

  /** @throws {LinescribeError} `VAD_CLOSED` when the detector is closed. */
  constructor(options: WindowsOptions) {
    this.#options = options;
    this.#chunkSamples = options.chunkMs * MODEL_SAMPLES_PER_MS;
    this.#stepSamples = (options.chunkMs - options.overlapMs) * MODEL_SAMPLES_PER_MS;
    this.#keptSamples = options.context.mostMs * MODEL_SAMPLES_PER_MS;
    this.#vad = options.detector.open(
      (probabilities) => this.#heard(probabilities),
      (error) => this.#failed(error),
    );
  }

  /** Start of the open window: everything before it was told, ms. */
  get startMs(): number {
    return samplesToMs(this.#start, MODEL_RATE_HZ);
  }

  /** Takes the next samples; kept without a copy. */
  push(pcm16k: Float32Array): void {
    if (pcm16k.length === 0) return;
    this.#audio.push(pcm16k);
    this.#look(this.#framer.push(pcm16k));
  }

  /** Ends the open window where the samples are now, to the last whole frame; resolves when it was told. */
  async flush(): Promise<void> {
    const atFrame = this.#pushedFrames;
    if (atFrame > this.#heardFrames) {
      await new Promise<void>((resolve) => this.#flushes.push({ atFrame, resolve }));
    } else this.#cut(this.#heardFrames * VAD_FRAME_SAMPLES, true);
  }

  /** Looks at everything and tells the last window. */
  async end(): Promise<void> {
    const last = this.#framer.flush();
    if (last) this.#look([last]);
    try {
      if (!this.#deaf) await this.#vad.end();
    } catch {
      // The failure was told; everything counts as heard by then.
    }
    this.#cut(this.#audio.end, true);
    this.#vad.close();
  }

  #look(frames: Float32Array[]): void {
    if (frames.length === 0) return;
    this.#pushedFrames += frames.length;
    if (this.#deaf) this.#heard(new Float32Array(frames.length).fill(1));
    else this.#vad.push(frames);
  }

  #heard(probabilities: Float32Array): void {
    for (const probability of probabilities) {
      this.#probabilities.push(probability);
      this.#heardFrames += 1;
      const heard = this.#heardFrames * VAD_FRAME_SAMPLES;
      if (heard >= this.#start + this.#chunkSamples) this.#cut(this.#start + this.#chunkSamples, false);
      while (this.#flushes[0]?.atFrame === this.#heardFrames) {
        this.#cut(heard, true);
        this.#flushes.shift()?.resolve();
      }
    }
    const speech = this.#speechIn(this.#start, this.#heardFrames * VAD_FRAME_SAMPLES);
    if (speech.frames > 0) this.#tellOpen();
  }

  #tellOpen(): void {
    const [start, end] = [this.#start, this.#heardFrames * VAD_FRAME_SAMPLES];
    const heardMs = samplesToMs(end, MODEL_RATE_HZ);
    const audio = (): Float32Array => this.#audio.slice(start, end);
    this.#options.onOpen({ index: this.#index, startMs: this.startMs, heardMs, audio });
  }

  /** The open window ends at a sample; what follows overlaps it unless it is the last. */
  #cut(end: number, last: boolean): void {
    const start = this.#start;
    const { frames, mean } = this.#speechIn(start, end);
    const isNew = end > this.#cutEnd;
    const next = last ? end : start + this.#stepSamples;
    const from = this.#contextOf(start);
    if (end > start) {
      this.#options.onWindow({
        index: this.#index,
        startMs: samplesToMs(start, MODEL_RATE_HZ),
        endMs: samplesToMs(end, MODEL_RATE_HZ),
        nextStartMs: last ? null : samplesToMs(next, MODEL_RATE_HZ),
        contextMs: samplesToMs(start - from, MODEL_RATE_HZ),
        pcm16k: frames > 0 && isNew ? this.#audio.slice(from, end) : null,
        speechMs: frames * VAD_FRAME_MS,
        meanProbability: mean,
      });
      this.#index += 1;
    }
    this.#cutEnd = end;
    this.#start = next;
    const kept = Math.max(0, next - this.#keptSamples);
    const firstFrame = Math.floor(kept / VAD_FRAME_SAMPLES);
    this.#probabilities = this.#probabilities.slice(firstFrame - this.#firstFrame);
    this.#firstFrame = firstFrame;
    this.#audio.forget(kept);
  }

  #contextOf(start: number): number {
    return contextStart(start, this.#options.context, (frame) =>
      isSpeech(this.#probabilities[frame - this.#firstFrame]),
    );
  }

  #speechIn(start: number, end: number): { frames: number; mean: number } {
    const from = Math.floor(start / VAD_FRAME_SAMPLES) - this.#firstFrame;
    const to = Math.ceil(end / VAD_FRAME_SAMPLES) - this.#firstFrame;
    const speech = this.#probabilities.slice(from, to).filter(isSpeech);
    const sum = speech.reduce((total, probability) => total + probability, 0);
    return { frames: speech.length, mean: speech.length === 0 ? 0 : sum / speech.length };
  }

  #failed(error: LinescribeError): void {
    this.#deaf = true;
    this.#options.onFailure(error);
    this.#heard(new Float32Array(this.#pushedFrames - this.#heardFrames).fill(1));
  }
}

function isSpeech(probability = 0): boolean {
  return probability >= SPEECH_PROBABILITY;
}
