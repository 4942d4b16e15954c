/**
 * Turns the utterances of one track into partials while they are spoken, and into finals and gaps in the order
 * in which they ended.
 */
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { EventDraft, GapCause, TrackLabel, TranscriptWord } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import { isInvented } from "./invented.ts";
import type { HeardUtterance } from "./listener.ts";
import type { PartialText, RecognisedText, RecognitionJob, TextRecogniser } from "./ports.ts";
import { type OpenUtterance, Sketch, type SketchOptions } from "./sketch.ts";
import { TrackLanguage } from "./track-language.ts";

export interface ScribeOptions {
  /** Who takes turns in the recogniser: one name per track. */
  source: string;
  label: TrackLabel;
  /** A code of the model, or `auto`, see `TrackLanguage`. */
  language: string;
  recogniser: TextRecogniser;
  /** How open utterances are followed, see `SketchOptions`; absent: they are not. */
  live?: Pick<SketchOptions, "hangoverPadMs" | "prefixPadMs" | "endpointMs">;
  /** Absent: no partials are made. */
  onPartial?: ((partial: TrackPartial) => void) | undefined;
  /** Resolves when they are committed; what it rejects is lost. */
  commit: (drafts: EventDraft[]) => Promise<void>;
  /** Told what became the text of an utterance, before its final is committed. */
  onRecognised?: (utterance: number, result: RecognisedText) => void;
  logger: Logger;
  counters: Counters;
  /** What was committed before, when a call goes on after a restart: the next numbers (default 1) and the totals (0). */
  nextUtterance?: number;
  nextGap?: number;
  finals?: number;
  gaps?: number;
}

/**
 * What lasts this long and is this surely speech must have had words: without any it is a gap. Clear speech has a mean
 * probability of 0.84 to 1 and pieces of it, torn off by a crash or a bad line, 0.8 to 0.95; a cough or a click, about
 * which nobody wants to hear, is shorter or less sure.
 */
const CLEAR_SPEECH_MS = 350;
const CLEAR_PROBABILITY = 0.75;
/**
 * The same for what a crash, a lost line or a hang-up tore off: of 400 such pieces of clear speech ten were below 0.75 (0.51 to
 * 0.74), and a word cut in half is as hard to hear for the recogniser. A cough in just that moment is told of, too.
 */
const TORN_PROBABILITY = 0.5;

export class TrackScribe {
  readonly #options: ScribeOptions;
  readonly #language: TrackLanguage;
  #nextUtterance: number;
  /** Of the utterance that is spoken, once it has been told of. */
  #number: number | null = null;
  #sketch: Sketch | null = null;
  #nextGap: number;
  /** Ends when everything taken so far is committed. */
  #committed: Promise<void> = Promise.resolve();
  /** Start of each piece that was taken and is not committed, in the order in which they were taken, ms. */
  readonly #open: number[] = [];
  #finals: number;
  #gaps: number;

  constructor(options: ScribeOptions) {
    this.#options = options;
    this.#language = new TrackLanguage(options.language);
    this.#nextUtterance = options.nextUtterance ?? 1;
    this.#nextGap = options.nextGap ?? 1;
    this.#finals = options.finals ?? 0;
    this.#gaps = options.gaps ?? 0;
  }

  /** Finals and gaps so far, those before a restart included. */
  get finals(): number {
    return this.#finals;
  }

  get gaps(): number {
    return this.#gaps;
  }

  /** Start of the earliest piece that is not committed yet, ms, or null. */
  get oldestOpenMs(): number | null {
    // A hole is known before the utterance that it interrupts.
    return this.#open.length === 0 ? null : Math.min(...this.#open);
  }

  /** An utterance goes on. */
  open(open: OpenUtterance): void {
    const { live } = this.#options;
    if (!live) return;
    if (this.#sketch?.startMs !== open.startMs) this.#sketch = this.#createSketch(open, live);
    this.#sketch.update(open);
  }

  /**
   * An utterance has ended: commits its final, or a gap when recognition fails or finds no word in clear speech.
   *
   * @param onSettled - Told the number of the utterance when that is committed, or there is nothing to commit.
   */
  utterance(utterance: HeardUtterance, onSettled?: (number: number) => void): void {
    const { startMs, endMs } = utterance;
    const answer = this.#recognised(this.#sketch?.close(utterance) ?? null, utterance);
    const number = this.#takeNumber();
    this.#number = null;
    this.#sketch = null;
    const draft = async (): Promise<EventDraft | null> => {
      const result = await this.#inLanguage(await answer, utterance);
      return result instanceof LinescribeError
        ? this.#failed(result, startMs, endMs)
        : (this.#final(result, number, utterance) ?? this.#wordless(utterance));
    };
    this.#enqueue(startMs, draft, () => onSettled?.(number));
  }

  /** Commits a gap. */
  gap(startMs: number, endMs: number, cause: GapCause): void {
    this.#enqueue(startMs, async () => this.#gapDraft(startMs, endMs, cause));
  }

  /** Resolves when everything taken so far is committed. */
  async settled(): Promise<void> {
    await this.#committed;
  }

  #createSketch(open: OpenUtterance, live: NonNullable<ScribeOptions["live"]>): Sketch {
    const { recogniser, source, onPartial } = this.#options;
    const tell = (partial: PartialText): void => this.#tell(partial);
    const options = { ...live, source, language: this.#language.current, recogniser };
    return new Sketch({ ...options, onPartial: onPartial ? tell : undefined }, open);
  }

  #tell(partial: PartialText): void {
    const { label, onPartial, logger } = this.#options;
    const utterance = this.#takeNumber();
    try {
      onPartial?.({ type: "transcript.partial", ...label, utterance, ...partial });
    } catch (error) {
      logger.error({ reason: messageOf(error) }, "a listener to partials failed");
    }
  }

  /** An utterance has its number from the first word of it that is told. */
  #takeNumber(): number {
    this.#number ??= this.#nextUtterance++;
    return this.#number;
  }

  /** The answer of the job that already works on the utterance, or of a new one. */
  async #recognised(job: RecognitionJob | null, utterance: HeardUtterance) {
    try {
      return (job && (await job.answer)) ?? (await this.#recognise(utterance));
    } catch (error) {
      return asError(error);
    }
  }

  async #recognise({ pcm16k }: HeardUtterance): Promise<RecognisedText> {
    const { recogniser, source } = this.#options;
    const request = { pcm16k, language: this.#language.current, priority: "final", source } as const;
    return (await recogniser.submit(request).answer) as RecognisedText;
  }

  /**
   * The result in the language of the track. It may have been heard in another, while that was not settled yet; if it
   * cannot be recognised again, what was heard is better than nothing.
   */
  async #inLanguage(result: RecognisedText | LinescribeError, utterance: HeardUtterance) {
    if (result instanceof LinescribeError) return result;
    if (this.#language.excludes(result.language)) return this.#recognise(utterance).catch(() => result);
    const { speechMs = utterance.endMs - utterance.startMs } = utterance;
    if (result.text !== "" && !isInvented(result, utterance)) this.#language.heard(result.language, speechMs);
    return result;
  }

  #enqueue(startMs: number, draft: () => Promise<EventDraft | null>, onSettled?: () => void): void {
    this.#open.push(startMs);
    this.#committed = this.#committed.then(async () => {
      try {
        const drafted = await draft();
        if (drafted) await this.#options.commit([drafted]);
      } catch (error) {
        this.#options.counters.add("call.commitsLost");
        this.#options.logger.error(
          { code: "STORE_FAILED", reason: messageOf(error) },
          "event was not committed",
        );
      }
      this.#open.shift();
      onSettled?.();
    });
  }

  #final(result: RecognisedText, utterance: number, heard: HeardUtterance): EventDraft | null {
    const { label, counters } = this.#options;
    const { startMs, endMs } = heard;
    const invented = isInvented(result, heard);
    if (result.text === "" || invented) {
      counters.add(invented ? "call.utterancesWithoutSpeech" : "call.utterancesWithoutWords");
      return null;
    }
    this.#options.onRecognised?.(utterance, result);
    this.#finals += 1;
    counters.add("call.finals");
    return {
      type: "transcript.final",
      ...label,
      utterance,
      startMs,
      endMs,
      text: result.text,
      language: result.language,
      confidence: Number(Math.exp(result.logprob).toFixed(4)),
      words: result.words.map((word) => wordAt(word, startMs, endMs)),
    };
  }

  /** Speech that the detector was sure of is not silence because no word was made out. */
  #wordless(heard: HeardUtterance): EventDraft | null {
    const { startMs, endMs, speechMs = 0, meanProbability = 0, torn = false } = heard;
    const isClear =
      speechMs >= CLEAR_SPEECH_MS && meanProbability >= (torn ? TORN_PROBABILITY : CLEAR_PROBABILITY);
    return isClear ? this.#gapDraft(startMs, endMs, "not_recognised") : null;
  }

  #failed(error: LinescribeError, startMs: number, endMs: number): EventDraft | null {
    if (error.code === "ASR_TOO_SHORT") {
      this.#options.counters.add("call.utterancesWithoutWords");
      return null;
    }
    this.#options.logger.error({ code: error.code, startMs, endMs }, "utterance was not recognised");
    return this.#gapDraft(startMs, endMs, error.code === "ASR_OVERLOADED" ? "overload" : "not_recognised");
  }

  #gapDraft(startMs: number, endMs: number, cause: GapCause): EventDraft {
    this.#gaps += 1;
    this.#options.counters.add("call.gaps");
    return { type: "transcript.gap", ...this.#options.label, gap: this.#nextGap++, startMs, endMs, cause };
  }
}

/** A word in media time of the call: what was rounded does not leave the utterance. */
function wordAt(word: TranscriptWord, startMs: number, endMs: number): TranscriptWord {
  const inside = (ms: number): number => Math.min(endMs, startMs + ms);
  return { ...word, startMs: inside(word.startMs), endMs: inside(word.endMs) };
}

function asError(error: unknown): LinescribeError {
  if (error instanceof LinescribeError) return error;
  return new LinescribeError("ASR_WORKER_LOST", messageOf(error), { cause: error });
}
