/**
 * Recognises a session's audio in overlapping windows of one length, and commits the words that are certain.
 */
import { LinescribeError, messageOf } from "../base/error.ts";
import { isInvented } from "../call/invented.ts";
import type { PartialText, RecognisedText } from "../call/ports.ts";
import { Sketch } from "../call/sketch.ts";
import { TrackLanguage } from "../call/track-language.ts";
import type { EventDraft } from "../transcript/event.ts";
import type { SpeechTrack } from "./speech-track.ts";
import { PARTIAL_FROM_MS, type TrackOptions } from "./track-options.ts";
import { textOf, WindowJoiner, wordsOfWindow } from "./window-joiner.ts";
import { type OpenWindow, type SoundWindow, Windows } from "./windows.ts";

export interface FixedTrackOptions extends TrackOptions {
  chunkMs: number;
  overlapMs: number;
}

/** Sound before a window that is heard again with it: Whisper hears little in 3 s that begin amid a sentence. */
const CONTEXT = { leastMs: 2000, mostMs: 6000 };
/** The recogniser's window, ms. */
const LONGEST_MS = 30_000;

export class FixedTrack implements SpeechTrack {
  readonly #options: FixedTrackOptions;
  readonly #windows: Windows;
  readonly #joiner = new WindowJoiner();
  readonly #language: TrackLanguage;
  #sketch: { index: number; sketch: Sketch } | null = null;
  #spoken: string;
  #gaps = 0;
  /** Ends when everything told so far is committed. */
  #committed: Promise<void> = Promise.resolve();
  /** Start of each window that was told and is not committed, in order, ms. */
  readonly #open: number[] = [];

  constructor(options: FixedTrackOptions) {
    this.#options = options;
    this.#language = new TrackLanguage(options.language);
    this.#spoken = options.language;
    const mostMs = Math.min(CONTEXT.mostMs, LONGEST_MS - options.chunkMs);
    this.#windows = new Windows({
      ...options,
      context: { leastMs: Math.min(CONTEXT.leastMs, mostMs), mostMs },
      onWindow: (window) => this.#window(window),
      onOpen: (window) => this.#goesOn(window),
      onFailure: ({ code }) => options.logger.error({ code }, "speech detection failed in a session"),
    });
  }

  get settledMs(): number {
    return Math.min(this.#open[0] ?? this.#windows.startMs, this.#joiner.heldFromMs);
  }

  push(pcm16k: Float32Array): void {
    this.#windows.push(pcm16k);
  }

  async flush(): Promise<void> {
    await this.#windows.flush();
    await this.#committed;
  }

  async end(): Promise<void> {
    await this.#windows.end();
    await this.#committed;
  }

  #goesOn({ index, startMs, heardMs, audio }: OpenWindow): void {
    const { onPartial, recogniser, source } = this.#options;
    if (!onPartial) return;
    if (this.#sketch?.index !== index) {
      const tell = (partial: PartialText): void =>
        onPartial({ type: "transcript.partial", ...this.#options.label, utterance: index + 1, ...partial });
      const times = { hangoverPadMs: Infinity, prefixPadMs: PARTIAL_FROM_MS, endpointMs: Infinity };
      const language = this.#language.current;
      const sketch = new Sketch({ ...times, source, language, recogniser, onPartial: tell }, { startMs });
      this.#sketch = { index, sketch };
    }
    this.#sketch.sketch.update({ startMs, endMs: heardMs, pauseMs: 0, silenceMs: Infinity, heardMs, audio });
  }

  #window(window: SoundWindow): void {
    this.#sketch?.sketch.close(window);
    this.#sketch = null;
    const answer = this.#recognise(window);
    this.#open.push(window.startMs);
    this.#committed = this.#committed.then(async () => {
      const drafts = this.#drafts(window, await answer);
      if (drafts.length > 0) await this.#options.commit(drafts);
      this.#open.shift();
    });
  }

  /** Null where nobody spoke. */
  async #recognise({ pcm16k }: SoundWindow): Promise<RecognisedText | LinescribeError | null> {
    if (pcm16k === null) return null;
    const { recogniser, source } = this.#options;
    const language = this.#language.current;
    try {
      return await recogniser.submit({ pcm16k, language, priority: "final", source }).answer;
    } catch (error) {
      if (error instanceof LinescribeError) return error.code === "ASR_TOO_SHORT" ? null : error;
      return new LinescribeError("ASR_WORKER_LOST", messageOf(error), { cause: error });
    }
  }

  #drafts(window: SoundWindow, result: RecognisedText | LinescribeError | null): EventDraft[] {
    const failed = result instanceof LinescribeError ? result : null;
    const heard = failed ? null : (result as RecognisedText | null);
    const final = this.#final(window, heard);
    return [...(final ? [final] : []), ...(failed ? [this.#gap(window, failed)] : [])];
  }

  #final(window: SoundWindow, result: RecognisedText | null): EventDraft | null {
    const { startMs, endMs, nextStartMs, speechMs, contextMs } = window;
    const sound = result !== null && !isInvented(result, window);
    if (sound && result.text !== "") {
      this.#language.heard(result.language, speechMs);
      this.#spoken = result.language;
    }
    const all = sound ? wordsOfWindow(result, startMs - contextMs, endMs) : null;
    const words = this.#joiner.join({ endMs, nextStartMs, words: all });
    const [first, last] = [words[0], words.at(-1)];
    if (!first || !last) return null;
    this.#options.counters.add("session.finals");
    const confidence = words.reduce((sum, word) => sum + word.confidence, 0) / words.length;
    return {
      type: "transcript.final",
      ...this.#options.label,
      utterance: window.index + 1,
      startMs: Math.round(first.startMs),
      endMs: Math.round(last.endMs),
      text: textOf(words),
      language: this.#spoken,
      confidence: Number(confidence.toFixed(4)),
      words: words.map(({ glue: _, ...word }) => ({
        ...word,
        startMs: Math.round(word.startMs),
        endMs: Math.round(word.endMs),
      })),
    };
  }

  #gap({ startMs, endMs, nextStartMs }: SoundWindow, { code }: LinescribeError): EventDraft {
    const { label, logger, counters } = this.#options;
    counters.add("session.gaps");
    logger.error({ code, startMs, endMs }, "a window was not recognised");
    this.#gaps += 1;
    const cause = code === "ASR_OVERLOADED" ? "overload" : "not_recognised";
    return { type: "transcript.gap", ...label, gap: this.#gaps, startMs, endMs: nextStartMs ?? endMs, cause };
  }
}
