/**
 * One track of one media stream: packets in, utterances out, with everything between them.
 *
 * mu-law packets -> timeline -> samples -> 16 kHz -> listener -> utterance
 */
import { decodeMulaw } from "../audio/g711.ts";
import { s16ToF32 } from "../audio/sample.ts";
import { PacketTimeline, type Span } from "../audio/timeline.ts";
import { Upsampler } from "../audio/upsampler.ts";
import type { Counters } from "../base/counters.ts";
import { PHONE_SAMPLES_PER_MS } from "../base/time.ts";
import { Listener, type ListenerOptions } from "./listener.ts";

export interface StreamTrackOptions extends ListenerOptions {
  counters: Counters;
  /** Audio that never came, as soon as it is known; media time of the call, ms. */
  onHole: (startMs: number, endMs: number) => void;
}

export class StreamTrack {
  readonly #options: StreamTrackOptions;
  readonly #timeline: PacketTimeline;
  readonly #upsampler = new Upsampler();
  readonly #listener: Listener;
  /** The hole that the newest spans belong to, media time of the stream; null while audio comes in. */
  #hole: { startMs: number; endMs: number } | null = null;

  constructor(options: StreamTrackOptions) {
    this.#options = options;
    this.#timeline = new PacketTimeline({ counters: options.counters });
    this.#listener = new Listener(options);
  }

  /** Media time of the call up to which audio came or was filled in, ms. */
  get mediaMs(): number {
    return this.#options.offsetMs + this.#timeline.nextMs;
  }

  /** Media time of the call before which no further utterance will start, ms. */
  get settledMs(): number {
    return this.#listener.settledMs;
  }

  /** Media time that was received but not looked at yet, ms. */
  get backlogMs(): number {
    return this.#listener.backlogMs;
  }

  /** @throws {LinescribeError} `STREAM_BAD_MESSAGE` when the timestamp is far beyond everything before it. */
  packet(timestampMs: number, mulaw: Uint8Array): void {
    this.#take(this.#timeline.push({ timestampMs, mulaw }));
  }

  /** Resolves when everything that the reorder window does not hold was looked at. */
  caughtUp(): Promise<void> {
    return this.#listener.caughtUp();
  }

  /** Takes what the reorder window still holds, looks at everything, and emits the utterance that was open. */
  async end(): Promise<void> {
    this.#take(this.#timeline.flush());
    this.#closeHole();
    this.#listener.push(this.#upsampler.flush());
    await this.#listener.end();
  }

  #take(spans: Span[]): void {
    for (const span of spans) {
      const endMs = span.startMs + span.mulaw.length / PHONE_SAMPLES_PER_MS;
      if (span.received) {
        this.#closeHole();
      } else if (this.#hole) {
        this.#hole.endMs = endMs;
      } else {
        this.#hole = { startMs: span.startMs, endMs };
      }
      const s16 = new Int16Array(span.mulaw.length);
      decodeMulaw(span.mulaw, s16);
      this.#listener.push(this.#upsampler.push(s16ToF32(s16)));
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
}
