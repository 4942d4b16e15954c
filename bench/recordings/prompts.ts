/**
 * Prompts of Debian's Asterisk packages as clips with known words: the words are those of the package's own list,
 * corrected where `fixtures/prompts.jsonl` says what a recording really says.
 *
 * What is left out is left out by rule, before anything is recognised:
 * - texts with brackets, which describe a sound or a manner ("[ascending tones]", "(emphase)"), and empty ones;
 * - texts whose accents were lost on the way into the list ("sar? esattamente");
 * - letters of the alphabet, the spelling alphabet and, outside English, number words, which may be written either way;
 * - texts that cannot be what is heard: fewer than 4 or more than 28 letters in a second of speech;
 * - what is longer than Whisper's window.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { type Language, Packages, VOICES } from "../../fixtures/build/packages.ts";
import { readPrompts } from "../../fixtures/build/speech.ts";
import { s16ToF32 } from "../../src/audio/sample.ts";
import { type Clip, clipOf, LONGEST_SECONDS, speechFrames } from "../corpus.ts";
import { textFile } from "./packages.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../fixtures");
const UNSCORED = /^(letters|phonetic|silence)\//;
const NUMBERS = /^digits\//;
const DESCRIPTION = /[[\]<>(){}]/;
const LOST_ACCENT = /\p{L}\?\s+\p{Ll}|\s\?\s|\?\p{L}/u;
const LETTERS_PER_SECOND = [4, 28] as const;
const FRAMES_PER_SECOND = 100;

/** A line of the list: `name: text`. */
export interface PromptText {
  name: string;
  text: string;
}

/** The prompts of a package's list that have words, as the rules above decide from the text alone. */
export function spokenPrompts(list: string, language: string): PromptText[] {
  return list
    .replace(/^\ufeff/, "")
    .split("\n")
    .flatMap((line) => {
      const colon = line.indexOf(":");
      if (line.startsWith(";") || colon < 0) return [];
      const [name, text] = [line.slice(0, colon).trim(), cleanText(line.slice(colon + 1))];
      return isSpoken(name, text, language) ? [{ name, text }] : [];
    });
}

function isSpoken(name: string, text: string, language: string): boolean {
  if (UNSCORED.test(name) || (NUMBERS.test(name) && language !== "en")) return false;
  return /\p{L}/u.test(text) && !DESCRIPTION.test(text) && !LOST_ACCENT.test(text);
}

/** Keys are spoken by their names; dots stand for what a caller's number or name is put into. */
function cleanText(text: string): string {
  return text
    .replaceAll(/\.{2,}|\u2026/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Whether that much text can have been said in that much speech. */
export function isPlausible(text: string, speechSeconds: number): boolean {
  const rate = [...text.matchAll(/[\p{L}\p{N}]/gu)].length / speechSeconds;
  return rate >= LETTERS_PER_SECOND[0] && rate <= LETTERS_PER_SECOND[1];
}

/** All scored prompts of a language, by their names. */
export function readPromptClips(root: string, language: Language): Clip[] {
  const packages = new Packages(root);
  const list = gunzipSync(readFileSync(path.join(root, textFile(language)))).toString("utf8");
  const corrected = new Map(
    readPrompts(FIXTURES)
      .filter((prompt) => prompt.language === language)
      .map(({ prompt, text }) => [prompt, text]),
  );
  const clips = spokenPrompts(list, language).flatMap(({ name, text }) => {
    if (!packages.has(language, name)) return [];
    const pcm8k = s16ToF32(packages.prompt(language, name));
    const said = corrected.get(name) ?? text;
    const clip = clipOf({ id: `${language}/${name}`, speaker: VOICES[language].speaker, text: said }, pcm8k);
    const fits = isPlausible(said, speechFrames(pcm8k).length / FRAMES_PER_SECOND);
    return fits && clip.seconds < LONGEST_SECONDS ? [clip] : [];
  });
  return clips.sort((a, b) => (a.id < b.id ? -1 : 1));
}
