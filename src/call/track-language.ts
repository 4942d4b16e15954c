/**
 * The language of a track: the one that was asked for, or detected from its first utterances and then kept.
 */
import { AUTO_LANGUAGE } from "../asr/language.ts";

/**
 * Speech from which one utterance tells the language, and from which it counts at all, ms. Of the beginnings of 143
 * telephone clips in five languages whisper-base told 99 right by their first 0.5 s, 124 by 1 s, 133 by 1.5 s, 136 of
 * 142 by 2 s, 115 of 117 by 3 s and 69 of 69 by 5 s; what it took the short ones for is scattered over 22 languages.
 */
const TELLING_SPEECH_MS = 3000;
const COUNTING_SPEECH_MS = 1500;
/** Utterances that count and agree, in a row. */
const AGREEING_UTTERANCES = 2;

/**
 * | utterance                        | tells                                             |
 * |----------------------------------|---------------------------------------------------|
 * | 3 s of speech or more            | the language of the track                         |
 * | 1.5 s to 3 s                     | the language of the track, if the last such agreed |
 * | shorter, without words, refused  | nothing                                           |
 *
 * Utterances must be told of in their order: then the language of each depends on what was said before it, and not on
 * how fast it was recognised.
 */
export class TrackLanguage {
  readonly #asked: string;
  /** Null while it is not settled. */
  #settled: string | null;
  #heard: string | null = null;
  #agreeing = 0;

  /** @param asked - A code of the model, or `auto`. */
  constructor(asked: string) {
    this.#asked = asked;
    this.#settled = asked === AUTO_LANGUAGE ? null : asked;
  }

  /** What to ask the recogniser for: a code of the model, or `auto` while it is not settled. */
  get current(): string {
    return this.#settled ?? AUTO_LANGUAGE;
  }

  /** Whether something was heard in another language than the one that was detected before. */
  excludes(language: string): boolean {
    return this.#asked === AUTO_LANGUAGE && this.#settled !== null && this.#settled !== language;
  }

  /** The next utterance was heard to be in `language`, with so much speech, ms. */
  heard(language: string, speechMs: number): void {
    if (this.#settled !== null || speechMs < COUNTING_SPEECH_MS) return;
    this.#agreeing = language === this.#heard ? this.#agreeing + 1 : 1;
    this.#heard = language;
    if (speechMs >= TELLING_SPEECH_MS || this.#agreeing >= AGREEING_UTTERANCES) this.#settled = language;
  }
}
