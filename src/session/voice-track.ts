/**
 * Cuts a session's audio where the speaker pauses: listener and scribe are those of a call's track.
 */
import type { HeardUtterance } from "../call/listener.ts";
import { TrackScribe } from "../call/scribe.ts";
import type { OpenUtterance } from "../call/sketch.ts";
import { TrackListener } from "../call/track-listener.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import type { SpeechTrack } from "./speech-track.ts";
import { PARTIAL_FROM_MS, type TrackOptions } from "./track-options.ts";

export interface VoiceTrackOptions extends TrackOptions {
  endpointer: Readonly<EndpointerOptions>;
  /** Silence after which what was said is shown as complete, ms. */
  endpointMs: number;
}

export class VoiceTrack implements SpeechTrack {
  readonly #options: VoiceTrackOptions;
  readonly #listener: TrackListener;
  readonly #scribe: TrackScribe;
  /** Start of the utterance that was told of last. */
  #speechStartMs: number | null = null;

  constructor(options: VoiceTrackOptions) {
    this.#options = options;
    const { endpointer, endpointMs, detector, logger } = options;
    const prefixPadMs = Math.max(endpointer.prefixPadMs, PARTIAL_FROM_MS);
    this.#scribe = new TrackScribe({ ...options, live: { ...endpointer, prefixPadMs, endpointMs } });
    this.#listener = new TrackListener({
      offsetMs: 0,
      endpointer,
      detector,
      onUtterance: (utterance) => this.#heard(utterance),
      onOpen: (open) => this.#open(open),
      onFailure: ({ code }) => logger.error({ code }, "speech detection failed in a session"),
      onUnheard: (startMs, endMs, { code }) =>
        this.#scribe.gap(startMs, endMs, code === "VAD_OVERLOADED" ? "overload" : "not_recognised"),
    });
  }

  get settledMs(): number {
    return Math.min(this.#listener.settledMs, this.#scribe.oldestOpenMs ?? Infinity);
  }

  push(pcm16k: Float32Array): void {
    this.#listener.push(pcm16k);
  }

  async flush(): Promise<void> {
    await this.#listener.flush();
    await this.#scribe.settled();
  }

  async end(): Promise<void> {
    await this.#listener.end();
    await this.#scribe.settled();
  }

  #heard(heard: HeardUtterance): void {
    const { startMs, endMs, endedBy = "flush" } = heard;
    this.#scribe.utterance(heard, (utterance) =>
      this.#options.onUtterance({ utterance, startMs, endMs, endedBy }),
    );
  }

  #open(open: OpenUtterance): void {
    if (this.#speechStartMs !== open.startMs) {
      this.#speechStartMs = open.startMs;
      this.#options.onSpeechStarted(open.startMs);
    }
    this.#scribe.open(open);
  }
}
