/**
 * Text and words as Deepgram writes them: `word` is lower case without punctuation, and so is the whole transcript unless
 * punctuation or formatting was asked for.
 */
import { isUnspaced } from "../asr/words.ts";
import type { TranscriptWord } from "../transcript/event.ts";

/** Times are seconds of audio from its first byte. */
export interface Word {
  word: string;
  start: number;
  end: number;
  confidence: number;
  /** As in the transcript; only where that is punctuated. */
  punctuated_word?: string;
  /** Only where the language was to be detected. */
  language?: string;
}

/** What one piece of speech says. */
export interface Alternative {
  transcript: string;
  confidence: number;
  languages?: string[];
  words: Word[];
}

/** What was recognised. */
export interface Spoken {
  text: string;
  /** Whisper code. */
  language: string;
  confidence: number;
  words: readonly TranscriptWord[];
}

export interface TextStyle {
  punctuated: boolean;
  detectLanguage: boolean;
}

/** Marks that belong to what they stand at: `5%`, `#1`, `@home`, `R&D`. */
const EDGES = /^(?:(?![%#@&])\p{P})+|(?:(?![%#@&])\p{P})+$/gu;
const ALL = /(?![%#@&])\p{P}/gu;

/** An alternative of nothing: there was no speech, or no word in it. */
export function silence(): Alternative {
  return { transcript: "", confidence: 0, words: [] };
}

export function alternativeOf(spoken: Spoken, { punctuated, detectLanguage }: TextStyle): Alternative {
  const { text, language, confidence, words } = spoken;
  return {
    transcript: punctuated ? text : bareText(text, language),
    confidence,
    ...(detectLanguage ? { languages: [language] } : {}),
    words: words.map((word) => ({
      word: bareWord(word.word, language) || word.word,
      start: seconds(word.startMs),
      end: seconds(word.endMs),
      confidence: word.confidence,
      ...(punctuated ? { punctuated_word: word.word } : {}),
      ...(detectLanguage ? { language } : {}),
    })),
  };
}

/** A text in lower case without the punctuation around its words. */
export function bareText(text: string, language: string): string {
  if (isUnspaced(language)) return text.replace(ALL, "").toLocaleLowerCase(language);
  const words = text.split(/\s+/u).map((word) => bareWord(word, language));
  return words.filter((word) => word !== "").join(" ");
}

/** A word in lower case without the punctuation around it; empty when it is nothing else. */
export function bareWord(word: string, language: string): string {
  return word.replace(EDGES, "").toLocaleLowerCase(language);
}

export function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
