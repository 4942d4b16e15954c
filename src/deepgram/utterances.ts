/**
 * Words in groups: utterances, which pauses part, and paragraphs of sentences, which punctuation and pauses do.
 */
import { randomUUID } from "node:crypto";
import { isUnspaced } from "../asr/words.ts";
import type { Word } from "./words.ts";

export interface Utterance {
  id: string;
  start: number;
  end: number;
  confidence: number;
  channel: number;
  transcript: string;
  words: Word[];
}

interface Sentence {
  text: string;
  start: number;
  end: number;
}

interface Paragraph {
  sentences: Sentence[];
  num_words: number;
  start: number;
  end: number;
}

export interface Paragraphs {
  transcript: string;
  paragraphs: Paragraph[];
}

/** The end of a sentence, also within quotes and brackets. */
const SENTENCE_END = /[.!?…。！？]["'”’»)\]]*$/u;
const PARAGRAPH_SENTENCES = 5;
/** Seconds between two sentences of one paragraph, at most. */
const PARAGRAPH_PAUSE_S = 2;

/** @param language - Whisper code. */
export function utterancesOf(
  words: readonly Word[],
  { channel, language, splitMs }: { channel: number; language: string; splitMs: number },
): Utterance[] {
  const groups = grouped(words, (before, word) => (word.start - before.end) * 1000 >= splitMs);
  return groups.map((group) => ({
    id: randomUUID(),
    ...span(group),
    confidence: meanConfidence(group),
    channel,
    transcript: textOf(group, language),
    words: group,
  }));
}

/** @param words - With their punctuation. @param language - Whisper code. */
export function paragraphsOf(words: readonly Word[], language: string): Paragraphs {
  const sentences = grouped(words, (before) => SENTENCE_END.test(written(before)));
  const groups = grouped(sentences, (before, sentence, soFar) => {
    const pause = (sentence[0] as Word).start - (before.at(-1) as Word).end;
    return soFar >= PARAGRAPH_SENTENCES || pause >= PARAGRAPH_PAUSE_S;
  });
  const paragraphs = groups.map((group) => ({
    sentences: group.map((sentence) => ({ text: textOf(sentence, language), ...span(sentence) })),
    num_words: group.flat().length,
    ...span(group.flat()),
  }));
  const texts = paragraphs.map((paragraph) =>
    paragraph.sentences.map(({ text }) => text).join(isUnspaced(language) ? "" : " "),
  );
  return { transcript: texts.map((text) => `\n${text}`).join("\n"), paragraphs };
}

/** Mean over words, 0..1; 0 for none. */
export function meanConfidence(words: readonly Word[]): number {
  const sum = words.reduce((total, { confidence }) => total + confidence, 0);
  return words.length === 0 ? 0 : Number((sum / words.length).toFixed(4));
}

/** Items in runs; a new one begins where `parts` says so of an item and the one before it. */
function grouped<T>(items: readonly T[], parts: (before: T, item: T, soFar: number) => boolean): T[][] {
  const groups: T[][] = [];
  for (const item of items) {
    const group = groups.at(-1);
    if (group && !parts(group.at(-1) as T, item, group.length)) group.push(item);
    else groups.push([item]);
  }
  return groups;
}

function span(words: readonly Word[]): { start: number; end: number } {
  return { start: (words[0] as Word).start, end: (words.at(-1) as Word).end };
}

function written(word: Word): string {
  return word.punctuated_word ?? word.word;
}

function textOf(words: readonly Word[], language: string): string {
  return words.map(written).join(isUnspaced(language) ? "" : " ");
}
