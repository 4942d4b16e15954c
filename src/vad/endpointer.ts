/**
 * The endpointer: speech probabilities in, utterances out, on media time only.
 */
import { expectNumber } from "../base/guards.ts";
import { MODEL_SAMPLES_PER_MS } from "../base/time.ts";
import { findCut } from "./cut.ts";
import { asEndpointerOptions, type EndpointerOptions } from "./endpointer-options.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "./frame.ts";

/** A stretch of speech with its pads, in samples of the 16 kHz stream, counted from its first sample. */
export interface Utterance {
  startSample: number;
  /** First sample that does not belong to it. */
  endSample: number;
  /** Cut at its maximum length; when speech goes on, the next utterance starts at `endSample`. */
  forced: boolean;
  /** Time in frames that count as speech. */
  speechMs: number;
  /** Mean speech probability from the first to the last frame that counts as speech, 0..1. */
  meanProbability: number;
}

/** An utterance that goes on, as it would be if the stream ended here. */
export interface OpenUtterance {
  startSample: number;
  /** Where the audio is now; in a pause that is as long as the tail, where the utterance ends unless speech resumes. */
  endSample: number;
  /** Time since its last frame that counts as speech. */
  pauseMs: number;
  /** The pause that would end it. */
  silenceMs: number;
}

/** An utterance that has not ended, or the suspicion of one. */
interface Open {
  startSample: number;
  /** Index in the stream of `probabilities[0]`. */
  firstFrame: number;
  probabilities: number[];
  /** Index in the stream; before `firstFrame` only right after a cut inside a pause. */
  lastSpeechFrame: number;
  speechFrames: number;
  /** Consecutive frames at or above the onset threshold, up to now. */
  onsetRun: number;
  /** The onset rule was met once; a continuation after a forced cut meets it by its origin. */
  confirmed: boolean;
  /** What follows a forced cut: its words are the rest of a sentence, so that no minimum applies. */
  continued: boolean;
}

/**
 * One per track. Frame i covers samples [512 i, 512 (i + 1)). "Speech" is a frame at or above `offsetThreshold`.
 *
 * | state     | on a frame                                   | does                                    | next      |
 * |-----------|----------------------------------------------|-----------------------------------------|-----------|
 * | silent    | below onsetThreshold                         |                                         | silent    |
 * | silent    | at or above it                               | opens prefixPadMs before the frame      | candidate |
 * | candidate | onset rule and minimumSpeechMs both met      |                                         | speaking  |
 * | candidate | silenceMs without speech                     | drops it                                | silent    |
 * | candidate | next frame would pass maximumUtteranceMs     | cuts, drops the part before the cut     | candidate |
 * | speaking  | silenceMs without speech                     | emits to hangoverPadMs after the speech | silent    |
 * | speaking  | longSilenceMs, after longUtteranceMs         | the same                                | silent    |
 * | speaking  | next frame would pass maximumUtteranceMs     | cuts, emits the part before the cut     | speaking  |
 * | any       | flush                                        | emits if speaking, drops if candidate   | silent    |
 *
 * Onset rule: `onsetFrames` consecutive frames at or above `onsetThreshold`, or one at `strongOnsetThreshold`.
 * After a cut inside a pause that turns out to be the end of the speech, the empty rest is dropped.
 * Utterances are in order and never overlap; memory is bounded by `maximumUtteranceMs`.
 */
export class Endpointer {
  readonly #options: Readonly<EndpointerOptions>;
  readonly #longSamples: number;
  readonly #maximumSamples: number;
  /** Frames taken so far. */
  #frames = 0;
  /** End of the last emitted or dropped utterance: no later one reaches before it. */
  #floorSample = 0;
  #open: Open | null = null;

  /** @throws {TypeError | RangeError} when an option is out of its range. */
  constructor(options: EndpointerOptions) {
    this.#options = asEndpointerOptions(options);
    this.#longSamples = options.longUtteranceMs * MODEL_SAMPLES_PER_MS;
    this.#maximumSamples = options.maximumUtteranceMs * MODEL_SAMPLES_PER_MS;
  }

  /** Whether an utterance is open that will be emitted. */
  get speaking(): boolean {
    return this.#open !== null && this.#isSpeech(this.#open);
  }

  /** The open utterance; null unless `speaking`. */
  get openUtterance(): OpenUtterance | null {
    const open = this.#open;
    if (open === null || !this.#isSpeech(open)) return null;
    const pauseMs = (this.#frames - 1 - open.lastSpeechFrame) * VAD_FRAME_MS;
    const endSample = this.#endOf(open);
    return { startSample: open.startSample, endSample, pauseMs, silenceMs: this.#silenceMs(open) };
  }

  /**
   * Everything before this sample is in an emitted utterance or is certainly silence: no future utterance starts
   * before it. Never falls; audio before it may be let go.
   */
  get settledSample(): number {
    if (this.#open !== null) return this.#open.startSample;
    return this.#startBefore(this.#frames);
  }

  /**
   * Takes the speech probability of the next frame, 0..1.
   *
   * @returns Utterances that ended with it: none or one.
   */
  push(probability: number): Utterance[] {
    expectNumber("probability", probability, 0, 1);
    const frame = this.#frames;
    this.#frames += 1;
    if (this.#open === null) {
      if (probability < this.#options.onsetThreshold) return [];
      this.#open = {
        startSample: this.#startBefore(frame),
        firstFrame: frame,
        probabilities: [],
        lastSpeechFrame: frame,
        speechFrames: 0,
        onsetRun: 0,
        confirmed: false,
        continued: false,
      };
    }
    this.#add(this.#open, frame, probability);
    const silenceFrames = Math.ceil(this.#silenceMs(this.#open) / VAD_FRAME_MS);
    if (frame - this.#open.lastSpeechFrame >= silenceFrames) return this.flush();
    const next = this.#frames * VAD_FRAME_SAMPLES + VAD_FRAME_SAMPLES;
    return next - this.#open.startSample > this.#maximumSamples ? this.#cut(this.#open) : [];
  }

  /** Ends the open utterance here. The stream may go on afterwards. */
  flush(): Utterance[] {
    const open = this.#open;
    this.#open = null;
    if (open === null || !this.#isSpeech(open)) return [];
    this.#floorSample = this.#endOf(open);
    return [this.#utterance(open, this.#floorSample, false)];
  }

  /** The pause that ends it: a shorter one when there has been much speech. */
  #silenceMs(open: Open): number {
    const { silenceMs, longSilenceMs } = this.#options;
    const samples = (open.lastSpeechFrame + 1) * VAD_FRAME_SAMPLES - open.startSample;
    return samples > this.#longSamples && this.#isSpeech(open)
      ? Math.min(silenceMs, longSilenceMs)
      : silenceMs;
  }

  /** The end of the tail, or of what was heard so far. */
  #endOf(open: Open): number {
    const tailSamples = this.#options.hangoverPadMs * MODEL_SAMPLES_PER_MS;
    const tailEnd = (open.lastSpeechFrame + 1) * VAD_FRAME_SAMPLES + tailSamples;
    return Math.min(tailEnd, this.#frames * VAD_FRAME_SAMPLES);
  }

  #startBefore(frame: number): number {
    const padSamples = this.#options.prefixPadMs * MODEL_SAMPLES_PER_MS;
    return Math.max(this.#floorSample, frame * VAD_FRAME_SAMPLES - padSamples);
  }

  #isSpeech(open: Open): boolean {
    if (open.continued) return open.speechFrames > 0;
    return open.confirmed && open.speechFrames * VAD_FRAME_MS >= this.#options.minimumSpeechMs;
  }

  #add(open: Open, frame: number, probability: number): void {
    const { onsetThreshold, offsetThreshold, onsetFrames, strongOnsetThreshold } = this.#options;
    open.probabilities.push(probability);
    open.onsetRun = probability >= onsetThreshold ? open.onsetRun + 1 : 0;
    if (open.onsetRun >= onsetFrames || probability >= strongOnsetThreshold) open.confirmed = true;
    if (probability >= offsetThreshold) {
      open.lastSpeechFrame = frame;
      open.speechFrames += 1;
    }
  }

  /** Splits the open utterance: what lies before the cut is emitted or dropped, the rest stays open. */
  #cut(open: Open): Utterance[] {
    const { offsetThreshold, cutSearchMs } = this.#options;
    const from = open.probabilities.length - Math.floor(cutSearchMs / VAD_FRAME_MS);
    const cut = findCut(open.probabilities, Math.max(from, 0), offsetThreshold);
    const cutSample = (open.firstFrame + cut) * VAD_FRAME_SAMPLES;
    const before: Open = { ...open, probabilities: open.probabilities.slice(0, Math.floor(cut)) };
    before.speechFrames = this.#countSpeech(before.probabilities);
    const after: Open = {
      ...open,
      startSample: cutSample,
      firstFrame: open.firstFrame + Math.floor(cut),
      probabilities: open.probabilities.slice(Math.floor(cut)),
      continued: this.#isSpeech(open),
    };
    after.speechFrames = this.#countSpeech(after.probabilities);
    this.#open = after;
    this.#floorSample = cutSample;
    return after.continued ? [this.#utterance(before, cutSample, true)] : [];
  }

  #countSpeech(probabilities: readonly number[]): number {
    return probabilities.filter((probability) => probability >= this.#options.offsetThreshold).length;
  }

  #utterance(open: Open, endSample: number, forced: boolean): Utterance {
    const isSpeech = (probability: number): boolean => probability >= this.#options.offsetThreshold;
    const first = open.probabilities.findIndex(isSpeech);
    const spoken = open.probabilities.slice(first, open.probabilities.findLastIndex(isSpeech) + 1);
    return {
      startSample: open.startSample,
      endSample,
      forced,
      speechMs: open.speechFrames * VAD_FRAME_MS,
      meanProbability: spoken.reduce((sum, probability) => sum + probability, 0) / spoken.length,
    };
  }
}
