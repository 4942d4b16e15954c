/**
 * Transcribes recordings with the parts that a live call is made of; what it adds is waiting, because a file is faster
 * than the machine.
 */
import { NO_HINTS } from "../asr/hints.ts";
import type { Counters } from "../base/counters.ts";
import type { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../base/time.ts";
import { Listener, type ListenerOptions } from "../call/listener.ts";
import type { Detector, RecognisedText, TextRecogniser } from "../call/ports.ts";
import { TrackScribe } from "../call/scribe.ts";
import { StreamTrack } from "../call/stream-track.ts";
import type { Track } from "../transcript/event.ts";
import type { EndpointerOptions } from "../vad/endpointer-options.ts";
import { FileRecogniser } from "./file-recogniser.ts";
import { cutIntoPieces } from "./pieces.ts";
import { mulawOf, type RecordedPacket, type RecordedTrack, type Recording } from "./recording.ts";
import { asTranscript, type Draft, type TranscribedUtterance, type Transcript } from "./transcript.ts";

export interface TranscriberOptions {
  detector: Detector;
  recogniser: TextRecogniser;
  /** Null: no looking for speech, everything is recognised. */
  endpointer: EndpointerOptions | null;
  /** `final` when nothing else happens, `file` beside live calls. */
  priority: "final" | "file";
  logger: Logger;
  counters: Counters;
}

export interface TranscribeOptions {
  /** What the recogniser's `language` returned. */
  language: string;
  /** What is likely to be said, as `asHints` returned it. */
  hints?: readonly string[];
  /** Who is served in the recogniser; one of several recordings at once needs one of its own. */
  source?: string;
  /** Told how much of the recording is done, over all tracks, 0..1. */
  onProgress?: (share: number) => void;
  /** Told of each utterance with words, in the order of each track. */
  onUtterance?: (utterance: TranscribedUtterance) => void;
  /** The transcript is not wanted any more: `transcribe` rejects soon with the signal's reason. */
  signal?: AbortSignal;
}

/** Sound that is handed to speech detection before its answers are waited for. */
const STEP_MS = 10_000;
const STEP_SAMPLES = (STEP_MS / 1000) * MODEL_RATE_HZ;
/** Sound of one recording that may wait for the recogniser, a few batches, before its answers are waited for. */
const BACKLOG_MAXIMUM_SECONDS = { final: 120, file: 40 } as const;

/** One recording on its way. */
interface Work {
  options: TranscribeOptions;
  recogniser: FileRecogniser;
  drafts: Draft[];
  /** Of the utterances of the track, by number. */
  recognised: Map<number, RecognisedText>;
  tell: (endMs: number) => void;
}

export class Transcriber {
  readonly #options: TranscriberOptions;

  constructor(options: TranscriberOptions) {
    this.#options = options;
  }

  /** @throws {LinescribeError} when speech detection failed; whatever the signal's reason is. */
  async transcribe(recording: Recording, options: TranscribeOptions): Promise<Transcript> {
    const { signal, hints = NO_HINTS, onProgress } = options;
    signal?.throwIfAborted();
    const { recogniser: inner, priority, endpointer } = this.#options;
    const recogniser = new FileRecogniser({ recogniser: inner, priority, hints, signal });
    const drafts: Draft[] = [];
    for (const [index, track] of recording.tracks.entries()) {
      const tell = (endMs: number): void =>
        onProgress?.(
          (index + Math.min(1, endMs / Math.max(1, recording.durationMs))) / recording.tracks.length,
        );
      const work: Work = { options, recogniser, drafts, recognised: new Map(), tell };
      const scribe = this.#scribe(track.track, work);
      if (endpointer === null) await this.#everything(track, scribe, work);
      else await this.#speech(track, scribe, work, endpointer);
      await scribe.settled();
      signal?.throwIfAborted();
      tell(recording.durationMs);
    }
    return asTranscript(drafts, options.language, recogniser.failure);
  }

  #scribe(track: Track, { options, recogniser, drafts, recognised, tell }: Work): TrackScribe {
    const { logger, counters } = this.#options;
    const { source = "", language, onUtterance } = options;
    return new TrackScribe({
      source: `${source} ${track}`,
      label: { track, label: track },
      language,
      recogniser,
      onRecognised: (utterance, result) => recognised.set(utterance, result),
      commit: async (committed) => {
        for (const draft of committed as Draft[]) {
          if (draft.type === "transcript.final") {
            const result = recognised.get(draft.utterance) as RecognisedText;
            recognised.delete(draft.utterance);
            const { tokens = [], logprob, noSpeech } = result;
            const final = { ...draft, model: { tokens, logprob, noSpeech } };
            drafts.push(final);
            if (!options.signal?.aborted) onUtterance?.(final);
          } else drafts.push(draft);
          tell(draft.endMs);
        }
      },
      logger,
      counters,
    });
  }

  async #speech(
    track: RecordedTrack,
    scribe: TrackScribe,
    work: Work,
    endpointer: EndpointerOptions,
  ): Promise<void> {
    const failure: { error: LinescribeError | null } = { error: null };
    const options: ListenerOptions = {
      offsetMs: 0,
      endpointer,
      detector: this.#options.detector,
      onUtterance: (utterance) => scribe.utterance(utterance),
      onFailure: (error) => {
        failure.error = error;
      },
    };
    if (track.packets) await this.#packets(track.packets, scribe, work, options);
    else await this.#samples(track, scribe, work, options);
    if (failure.error) throw failure.error;
  }

  async #packets(
    packets: readonly RecordedPacket[],
    scribe: TrackScribe,
    work: Work,
    options: ListenerOptions,
  ): Promise<void> {
    const { counters } = this.#options;
    const stream = new StreamTrack({ ...options, counters, onHole: () => {} });
    for (const packet of packets) {
      stream.packet(packet.timestampMs, mulawOf(packet));
      if (stream.backlogMs < STEP_MS) continue;
      await stream.caughtUp();
      await this.#room(scribe, work);
    }
    await stream.end();
  }

  async #samples(
    track: RecordedTrack,
    scribe: TrackScribe,
    work: Work,
    options: ListenerOptions,
  ): Promise<void> {
    const pcm16k = track.pcm16k();
    const listener = new Listener(options);
    try {
      for (let at = 0; at < pcm16k.length; at += STEP_SAMPLES) {
        listener.push(pcm16k.slice(at, at + STEP_SAMPLES));
        await listener.caughtUp();
        await this.#room(scribe, work);
      }
    } finally {
      await listener.end();
    }
  }

  async #everything(track: RecordedTrack, scribe: TrackScribe, work: Work): Promise<void> {
    const pcm16k = track.pcm16k();
    for (const { startSample, endSample } of cutIntoPieces(pcm16k)) {
      scribe.utterance({
        pcm16k: pcm16k.slice(startSample, endSample),
        startMs: samplesToMs(startSample, MODEL_RATE_HZ),
        endMs: samplesToMs(endSample, MODEL_RATE_HZ),
      });
      await this.#room(scribe, work);
    }
  }

  async #room(scribe: TrackScribe, { recogniser, options }: Work): Promise<void> {
    if (recogniser.pendingSeconds > BACKLOG_MAXIMUM_SECONDS[this.#options.priority]) await scribe.settled();
    options.signal?.throwIfAborted();
  }
}
