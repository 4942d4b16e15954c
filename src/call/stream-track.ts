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
import { LinescribeError } from "../base/error.ts";
import { msToSamples, PHONE_RATE_HZ, PHONE_SAMPLES_PER_MS } from "../base/time.ts";
import { TrackListener, type TrackListenerOptions } from "./track-listener.ts";

/**
 * How far a packet may jump past both the audio so far and the wall clock. A live carrier never does; a replay at
 * full speed does where its recording has a hole.
 */
const MAXIMUM_LEAD_MS = 120_000;
/** No jump is too long in a recording; the timeline has its own bound of 24 hours. */
const MAXIMUM_HOLE_MS = 24 * 3600 * 1000;
/** Silence beyond what the endpointer needs that is still listened to on either side of a long hole. */
const HOLE_MARGIN_MS = 1000;

export interface StreamTrackOptions extends TrackListenerOptions {
  counters: Counters;
  /** Audio that never came, as soon as it is known; media time of the call, ms. */
  onHole: (startMs: number, endMs: number) => void;
  /** Wall-clock ms since the stream started; left out for a recording, which may have holes of any length. */
  elapsedMs?: () => number;
}

export class StreamTrack {
  readonly #options: StreamTrackOptions;
  readonly #timeline: PacketTimeline;
  readonly #upsampler = new Upsampler();
  readonly #listener: TrackListener;
  /** The hole that the newest spans belong to, media time of the stream; null while audio comes in. */
  #hole: { startMs: number; endMs: number } | null = null;
  /** The end of a long hole, that is not pushed as silence unless it turns out to be needed, ms. */
  #withheldMs = 0;

  constructor(options: StreamTrackOptions) {
    this.#options = options;
    this.#listener = new TrackListener(options);
    this.#timeline = new PacketTimeline({ counters: options.counters, maximumHoleMs: MAXIMUM_HOLE_MS });
  }

  /** Media time of the call up to which audio came or was filled in, ms. */
  get mediaMs(): number {
    return this.#options.offsetMs + this.#timeline.nextMs;
  }

  /** Media time of the call before which nothing is left to be told of, ms. */
  get settledMs(): number {
    return this.#listener.settledMs;
  }

  /** Media time that was received but not looked at yet, ms. */
  get backlogMs(): number {
    return this.#listener.backlogMs;
  }

  /** @throws {LinescribeError} `STREAM_BAD_MESSAGE` when the timestamp is far beyond everything before it. */
  packet(timestampMs: number, mulaw: Uint8Array): void {
    const { elapsedMs } = this.#options;
    const latestMs = Math.max(this.#timeline.nextMs, elapsedMs?.() ?? Infinity) + MAXIMUM_LEAD_MS;
    if (timestampMs > latestMs) {
      throw new LinescribeError(
        "STREAM_BAD_MESSAGE",
        `Expected a timestamp of at most ${Math.round(latestMs)} ms by now, got ${timestampMs}`,
      );
    }
    this.#take(this.#timeline.push({ timestampMs, mulaw }));
  }

  /** Resolves when everything that the reorder window does not hold was looked at. */
  async caughtUp(): Promise<void> {
    await this.#listener.caughtUp();
  }

  /**
   * Takes what the reorder window still holds, looks at everything, and emits the utterance that was open. `mediaMs` is
   * final when this returns, the rest when it resolves.
   */
  async end(): Promise<void> {
    this.#take(this.#timeline.flush());
    this.#closeHole();
    this.#listener.push(this.#upsampler.flush());
    await this.#listener.end(this.mediaMs);
  }

  #take(spans: Span[]): void {
    for (const span of spans) {
      const ms = span.mulaw.length / PHONE_SAMPLES_PER_MS;
      if (span.received) {
        this.#closeHole();
      } else {
        this.#hole ??= { startMs: span.startMs, endMs: span.startMs };
        this.#hole.endMs = span.startMs + ms;
        if (this.#isLongHole(span.startMs - this.#hole.startMs)) {
          this.#withheldMs += ms;
          continue;
        }
      }
      const s16 = new Int16Array(span.mulaw.length);
      decodeMulaw(span.mulaw, s16);
      this.#listener.push(this.#upsampler.push(s16ToF32(s16)));
    }
  }

  /** Whether enough silence has been listened to for every utterance to have ended. */
  #isLongHole(ms: number): boolean {
    const { silenceMs, hangoverPadMs } = this.#options.endpointer;
    return ms >= silenceMs + hangoverPadMs + HOLE_MARGIN_MS;
  }

  #closeHole(): void {
    if (!this.#hole) return;
    const { offsetMs, endpointer, onHole } = this.#options;
    const { startMs, endMs } = this.#hole;
    const skippedMs = Math.max(0, this.#withheldMs - endpointer.prefixPadMs - HOLE_MARGIN_MS);
    const silence = new Float32Array(msToSamples(this.#withheldMs - skippedMs, PHONE_RATE_HZ));
    this.#hole = null;
    this.#withheldMs = 0;
    // A hole costs the same however long it is, so that nobody makes hours of work with one packet.
    this.#listener.skip(skippedMs);
    this.#listener.push(this.#upsampler.push(silence));
    onHole(Math.round(offsetMs + startMs), Math.round(offsetMs + endMs));
  }
}
