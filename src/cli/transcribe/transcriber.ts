/**
 * Transcribes recordings with the parts that a live call is made of; what it adds is waiting, because a file is faster
 * than the machine.
 */
import type { Engine } from "../../app/engine.ts";
import type { Counters } from "../../base/counters.ts";
import type { LinescribeError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { MODEL_RATE_HZ, samplesToMs } from "../../base/time.ts";
import { Listener, type ListenerOptions } from "../../call/listener.ts";
import { TrackScribe } from "../../call/scribe.ts";
import { StreamTrack } from "../../call/stream-track.ts";
import type { EventDraft, Track, TranscriptWord } from "../../transcript/event.ts";
import type { EndpointerOptions } from "../../vad/endpointer-options.ts";
import { cutIntoPieces } from "./pieces.ts";
import { mulawOf, type Packet, type Recording, type TrackOfRecording } from "./recording.ts";

export interface TranscriberOptions {
  engine: Pick<Engine, "detector" | "recogniser">;
  /** Null: no looking for speech, everything is recognised. */
  endpointer: EndpointerOptions | null;
  logger: Logger;
  counters: Counters;
}

/** An utterance as `transcribe --json` prints it. */
export interface TranscribedUtterance {
  track: Track;
  startMs: number;
  endMs: number;
  text: string;
  confidence: number;
  words: TranscriptWord[];
}

export interface Transcript {
  /** Whisper code: the one asked for, or with `auto` the one heard longest; null when nothing was said. */
  language: string | null;
  text: string;
  /** By their start. */
  utterances: TranscribedUtterance[];
  /** Spans that could not be recognised. */
  failed: { track: Track; startMs: number; endMs: number }[];
}

type Draft = Extract<EventDraft, { type: "transcript.final" | "transcript.gap" }>;

/** Sound that is handed to speech detection before its answers are waited for. */
const STEP_MS = 10_000;
const STEP_SAMPLES = (STEP_MS / 1000) * MODEL_RATE_HZ;
/** Sound that may wait for the recogniser, a few batches, before its answers are waited for. */
const BACKLOG_MAXIMUM_SECONDS = 120;

export class Transcriber {
  readonly #options: TranscriberOptions;

  constructor(options: TranscriberOptions) {
    this.#options = options;
  }

  /**
   * @param language - What the recogniser's `language` returned.
   * @param onProgress - Told how much of the recording is done, over all tracks, 0..1.
   * @throws {LinescribeError} when speech detection failed.
   */
  async transcribe(
    recording: Recording,
    language: string,
    onProgress: (share: number) => void = () => {},
  ): Promise<Transcript> {
    const drafts: Draft[] = [];
    for (const [index, track] of recording.tracks.entries()) {
      const tell = (endMs: number): void =>
        onProgress(
          (index + Math.min(1, endMs / Math.max(1, recording.durationMs))) / recording.tracks.length,
        );
      const scribe = this.#scribe(track.track, language, (draft) => {
        drafts.push(draft);
        tell(draft.endMs);
      });
      if (this.#options.endpointer === null) await this.#everything(track, scribe);
      else await this.#speech(track, scribe, this.#options.endpointer);
      await scribe.settled();
      tell(recording.durationMs);
    }
    return asTranscript(drafts, language);
  }

  #scribe(track: Track, language: string, onDraft: (draft: Draft) => void): TrackScribe {
    const { engine, logger, counters } = this.#options;
    return new TrackScribe({
      source: "",
      label: { track, label: track },
      language,
      recogniser: engine.recogniser,
      commit: async (drafts) => {
        for (const draft of drafts) onDraft(draft as Draft);
      },
      logger,
      counters,
    });
  }

  async #speech(track: TrackOfRecording, scribe: TrackScribe, endpointer: EndpointerOptions): Promise<void> {
    const failure: { error: LinescribeError | null } = { error: null };
    const options: ListenerOptions = {
      offsetMs: 0,
      endpointer,
      detector: this.#options.engine.detector,
      onUtterance: (utterance) => scribe.utterance(utterance),
      onFailure: (error) => {
        failure.error = error;
      },
    };
    if (track.packets) await this.#packets(track.packets, scribe, options);
    else await this.#samples(track.pcm16k(), scribe, options);
    if (failure.error) throw failure.error;
  }

  async #packets(packets: readonly Packet[], scribe: TrackScribe, options: ListenerOptions): Promise<void> {
    const { counters } = this.#options;
    const stream = new StreamTrack({ ...options, counters, onHole: () => {} });
    for (const packet of packets) {
      stream.packet(packet.timestampMs, mulawOf(packet));
      if (stream.backlogMs < STEP_MS) continue;
      await stream.caughtUp();
      await this.#room(scribe);
    }
    await stream.end();
  }

  async #samples(pcm16k: Float32Array, scribe: TrackScribe, options: ListenerOptions): Promise<void> {
    const listener = new Listener(options);
    for (let at = 0; at < pcm16k.length; at += STEP_SAMPLES) {
      listener.push(pcm16k.subarray(at, at + STEP_SAMPLES));
      await listener.caughtUp();
      await this.#room(scribe);
    }
    await listener.end();
  }

  async #everything(track: TrackOfRecording, scribe: TrackScribe): Promise<void> {
    const pcm16k = track.pcm16k();
    for (const { startSample, endSample } of cutIntoPieces(pcm16k)) {
      scribe.utterance({
        pcm16k: pcm16k.slice(startSample, endSample),
        startMs: samplesToMs(startSample, MODEL_RATE_HZ),
        endMs: samplesToMs(endSample, MODEL_RATE_HZ),
      });
      await this.#room(scribe);
    }
  }

  async #room(scribe: TrackScribe): Promise<void> {
    if (this.#options.engine.recogniser.pendingSeconds > BACKLOG_MAXIMUM_SECONDS) await scribe.settled();
  }
}

function asTranscript(drafts: readonly Draft[], language: string): Transcript {
  const ordered = [...drafts].sort((a, b) => a.startMs - b.startMs);
  const finals = ordered.filter((draft) => draft.type === "transcript.final");
  return {
    language: language === "auto" ? longestLanguage(finals) : language,
    text: finals.map(({ text }) => text).join(" "),
    utterances: finals.map(({ track, startMs, endMs, text, confidence, words }) => ({
      track,
      startMs,
      endMs,
      text,
      confidence,
      words,
    })),
    failed: ordered
      .filter(({ type }) => type === "transcript.gap")
      .map(({ track, startMs, endMs }) => ({ track, startMs, endMs })),
  };
}

function longestLanguage(
  finals: readonly { language: string; startMs: number; endMs: number }[],
): string | null {
  const spokenMs = new Map<string, number>();
  for (const { language, startMs, endMs } of finals) {
    spokenMs.set(language, (spokenMs.get(language) ?? 0) + endMs - startMs);
  }
  return [...spokenMs].sort(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}
