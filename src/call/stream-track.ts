/**
 * One track of one media stream: packets in, utterances out, with everything between them.
 *
 * mu-law packets -> timeline -> samples -> 16 kHz -> frames -> speech probability -> endpointer -> utterance
 */
import { Framer } from "../audio/framer.ts";
import { decodeMulaw } from "../audio/g711.ts";
import { s16ToF32 } from "../audio/sample.ts";
import { PacketTimeline, type Span } from "../audio/timeline.ts";
import { Upsampler } from "../audio/upsampler.ts";
import type { Counters } from "../base/counters.ts";
import type { LinescribeError } from "../base/error.ts";
import { MODEL_RATE_HZ, MODEL_SAMPLES_PER_MS, samplesToMs } from "../base/time.ts";
import { Endpointer, type Utterance } from "../vad/endpointer.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import { VAD_FRAME_MS, VAD_FRAME_SAMPLES } from "../vad/frame.ts";
import type { VadStream } from "../vad/stream.ts";
import type { Detector } from "./ports.ts";
import { RecentAudio } from "./recent-audio.ts";

/** An utterance with its samples and its place in the call. */
export interface HeardUtterance {
  /** 16 kHz mono in [-1, 1]. */
  pcm16k: Float32Array;
  startMs: number;
  endMs: number;
}

export interface StreamTrackOptions {
  /** Media time of the call at which this stream starts, ms. */
  offsetMs: number;
  endpointer: EndpointerOptions;
  detector: Detector;
  counters: Counters;
  onUtterance: (utterance: HeardUtterance) => void;
  /** Audio that never came, as soon as it is known; media time of the call, ms. */
  onHole: (startMs: number, endMs: number) => void;
  /** Speech detection failed; nothing more comes out of this track. */
  onFailure: (error: LinescribeError) => void;
}

export class StreamTrack {
  readonly #options: StreamTrackOptions;
  readonly #timeline: PacketTimeline;
  readonly #upsampler = new Upsampler();
  readonly #framer = new Framer(VAD_FRAME_SAMPLES);
  readonly #audio = new RecentAudio();
  readonly #endpointer: Endpointer;
  readonly #vad: VadStream;
  /** The hole that the newest spans belong to, media time of the stream; null while audio comes in. */
  #hole: { startMs: number; endMs: number } | null = null;
  #failed = false;

  constructor(options: StreamTrackOptions) {
    this.#options = options;
    this.#timeline = new PacketTimeline({ counters: options.counters });
    this.#endpointer = new Endpointer(options.endpointer);
    this.#vad = options.detector.open(
      (probabilities) => this.#heard(probabilities),
      (error) => this.#fail(error),
    );
  }

  /** Media time of the call up to which audio came or was filled in, ms. */
  get mediaMs(): number {
    return this.#options.offsetMs + this.#timeline.nextMs;
  }

  /** Media time of the call before which no further utterance will start, ms. */
  get settledMs(): number {
    const settled = Math.min(this.#endpointer.settledSample, this.#audio.end);
    return this.#options.offsetMs + samplesToMs(settled, MODEL_RATE_HZ);
  }

  /** Media time that was received but not looked at yet, ms. */
  get backlogMs(): number {
    return this.#vad.pendingFrames * VAD_FRAME_MS;
  }

  /** @throws {LinescribeError} `STREAM_BAD_MESSAGE` when the timestamp is far beyond everything before it. */
  packet(timestampMs: number, mulaw: Uint8Array): void {
    this.#take(this.#timeline.push({ timestampMs, mulaw }));
  }

  /** Takes what the reorder window still holds, looks at everything, and emits the utterance that was open. */
  async end(): Promise<void> {
    this.#take(this.#timeline.flush());
    this.#closeHole();
    this.#push(this.#upsampler.flush());
    const last = this.#framer.flush();
    if (last && !this.#failed) this.#vad.push([last]);
    try {
      if (!this.#failed) await this.#vad.end();
    } catch {
      // The failure was told to `onFailure`; what was heard before it still counts.
    }
    for (const utterance of this.#endpointer.flush()) this.#emit(utterance);
    this.#vad.close();
  }

  #take(spans: Span[]): void {
    for (const span of spans) {
      const endMs = span.startMs + span.mulaw.length / (MODEL_SAMPLES_PER_MS / 2);
      if (span.received) {
        this.#closeHole();
      } else if (this.#hole) {
        this.#hole.endMs = endMs;
      } else {
        this.#hole = { startMs: span.startMs, endMs };
      }
      const s16 = new Int16Array(span.mulaw.length);
      decodeMulaw(span.mulaw, s16);
      this.#push(this.#upsampler.push(s16ToF32(s16)));
    }
  }

  #closeHole(): void {
    if (!this.#hole) return;
    const { startMs, endMs } = this.#hole;
    this.#hole = null;
    this.#options.onHole(
      this.#options.offsetMs + Math.round(startMs),
      this.#options.offsetMs + Math.round(endMs),
    );
  }

  #push(pcm16k: Float32Array): void {
    if (pcm16k.length === 0 || this.#failed) return;
    this.#audio.push(pcm16k);
    const frames = this.#framer.push(pcm16k);
    if (frames.length > 0) this.#vad.push(frames);
  }

  #heard(probabilities: Float32Array): void {
    for (const probability of probabilities) {
      for (const utterance of this.#endpointer.push(probability)) this.#emit(utterance);
    }
    this.#audio.forget(this.#endpointer.settledSample);
  }

  #emit({ startSample, endSample }: Utterance): void {
    const { offsetMs, onUtterance } = this.#options;
    onUtterance({
      pcm16k: this.#audio.slice(startSample, endSample),
      startMs: offsetMs + samplesToMs(startSample, MODEL_RATE_HZ),
      endMs: offsetMs + samplesToMs(endSample, MODEL_RATE_HZ),
    });
  }

  #fail(error: LinescribeError): void {
    this.#failed = true;
    this.#options.onFailure(error);
  }
}
