/**
 * One channel of a live socket: what is heard on its track as the messages that a client is told.
 *
 * | heard                          | told                                                             |
 * |--------------------------------|------------------------------------------------------------------|
 * | somebody begins to speak       | `SpeechStarted`, if asked for                                    |
 * | a partial                      | interim `Results`, if asked for                                  |
 * | silence after an utterance     | `Results` with `is_final` and `speech_final`                     |
 * | an utterance grows too long    | `Results` with `is_final` for what was said of it                |
 * | `Finalize` within an utterance | `Results` with `is_final` and `from_finalize`                    |
 * | an utterance without a word    | the same with an empty transcript, so that interim text is taken back |
 * | a gap in the words             | `UtteranceEnd`, if asked for                                     |
 */
import type { ToldUtterance } from "../session/speech-track.ts";
import type { CallEvent, GapCause } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import { interimOf } from "./interim.ts";
import type { LiveOptions } from "./options.ts";
import { type Piece, type ResultFacts, resultsOf, type ServerMessage } from "./server-message.ts";
import { alternativeOf, seconds, silence } from "./words.ts";

export interface ChannelOptions {
  /** From 0. */
  channel: number;
  facts: ResultFacts;
  asked: Pick<
    LiveOptions,
    | "punctuated"
    | "detectLanguage"
    | "language"
    | "interimResults"
    | "vadEvents"
    | "utteranceEndMs"
    | "endpointing"
  >;
  /** Audio that an utterance has before its first speech, ms. */
  prefixPadMs: number;
  /** @param isNeeded - Whether the client has to get it, however slowly it reads. */
  tell: (message: ServerMessage, isNeeded: boolean) => void;
}

type Final = Extract<CallEvent, { type: "transcript.final" }>;
type Gap = Extract<CallEvent, { type: "transcript.gap" }>;

export class Channel {
  readonly #options: ChannelOptions;
  /** The final of the utterance that is about to be told, and the gap that there is instead. */
  #final: Final | null = null;
  #gap: Gap | null = null;
  /** The utterance that an interim result was told of last, and up to where, ms. */
  #interim: { startMs: number; endMs: number } | null = null;
  /** End of the last word that was told as final and not yet of an `UtteranceEnd`, ms. */
  #lastWordEndMs: number | null = null;
  /** End of what was told as final, ms. */
  #toldMs = 0;
  /** `Finalize`s that wait for their answer. */
  #finalizing = 0;
  #finalized = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  speechStarted(startMs: number): void {
    const { asked, facts, channel } = this.#options;
    if (!asked.vadEvents) return;
    const timestamp = seconds(startMs + this.#options.prefixPadMs);
    this.#options.tell({ type: "SpeechStarted", channel: [channel, facts.channels], timestamp }, true);
  }

  partial({ startMs, endMs, text }: TrackPartial): void {
    const { asked } = this.#options;
    if (!asked.interimResults || text === "") return;
    const before = this.#interim?.startMs === startMs ? this.#interim.endMs : 0;
    // What is covered grows: a pause shows an utterance that ends before what a draft was heard in.
    this.#interim = { startMs, endMs: Math.max(before, endMs) };
    const language = asked.language === "auto" ? "en" : asked.language;
    const spoken = interimOf(text, language, startMs, this.#interim.endMs);
    // Which language it is, is known when it is final.
    const alternative = alternativeOf(spoken, { punctuated: asked.punctuated, detectLanguage: false });
    this.#tell({ ...this.#interim, alternative, isFinal: false });
  }

  event(event: Final | Gap): void {
    if (event.type === "transcript.final") this.#final = event;
    else if (this.#gap === null) this.#gap = event;
    else this.#tellGap(event);
  }

  /** An utterance is done with, and its final or gap was told before. */
  utterance({ startMs, endMs, endedBy }: ToldUtterance): void {
    const { asked } = this.#options;
    const final = this.#final;
    const gap = this.#gap;
    this.#final = null;
    this.#gap = null;
    // A gap of speech that nobody listened to is no utterance's.
    if (gap !== null && gap.startMs !== startMs) this.#tellGap(gap);
    const fromFinalize = endedBy === "flush" && this.#finalizing > 0;
    this.#finalized ||= fromFinalize;
    this.#piece({
      startMs,
      endMs,
      alternative: final === null ? silence() : alternativeOf(final, asked),
      isFinal: true,
      speechFinal: endedBy === "silence" && asked.endpointing !== null,
      fromFinalize,
      gap: gap?.startMs === startMs ? gap.cause : null,
    });
    this.#lastWordEndMs = final?.words.at(-1)?.endMs ?? final?.endMs ?? this.#lastWordEndMs;
  }

  /** A `Finalize` came: what is flushed by it answers it. */
  finalizing(): void {
    this.#finalizing += 1;
  }

  /** Everything was flushed: there is an answer, also when there was nothing to say. */
  flushed(receivedMs: number): void {
    this.#finalizing -= 1;
    this.rest();
    if (!this.#finalized) {
      const startMs = Math.min(this.#toldMs, receivedMs);
      this.#piece({ startMs, endMs: receivedMs, alternative: silence(), isFinal: true, fromFinalize: true });
    }
    this.#finalized = false;
  }

  /** Tells what nothing follows that it could belong to. */
  rest(): void {
    if (this.#gap !== null) this.#tellGap(this.#gap);
    this.#gap = null;
  }

  /** Everything before this was told or was silence, ms. */
  settled(settledMs: number): void {
    const { asked, facts, channel, prefixPadMs } = this.#options;
    if (asked.utteranceEndMs === null || this.#lastWordEndMs === null) return;
    // Speech that begins later has its pad before it.
    if (settledMs + prefixPadMs < this.#lastWordEndMs + asked.utteranceEndMs) return;
    const last_word_end = seconds(this.#lastWordEndMs);
    this.#lastWordEndMs = null;
    this.#options.tell({ type: "UtteranceEnd", channel: [channel, facts.channels], last_word_end }, true);
  }

  #tellGap({ startMs, endMs, cause }: { startMs: number; endMs: number; cause: GapCause }): void {
    this.#piece({ startMs, endMs, alternative: silence(), isFinal: true, gap: cause });
  }

  #piece(piece: Piece): void {
    this.#interim = null;
    this.#toldMs = Math.max(this.#toldMs, piece.endMs);
    this.#tell(piece);
  }

  #tell(piece: Piece): void {
    const { channel, facts, tell } = this.#options;
    tell(resultsOf(piece, channel, facts), piece.isFinal);
  }
}
