/**
 * Whisper's text normalisers, so that a transcript is scored on its words and not on its spelling. Ported from the
 * rules and tables that openai/whisper publishes (MIT, Copyright (c) 2022 OpenAI).
 */
import { createRequire } from "node:module";
import type spellingTable from "./english-spelling.json";
import { normalizeNumbers } from "./numbers.ts";
import { removeSymbols, removeSymbolsAndDiacritics, unicodePattern, wordsOf } from "./unicode.ts";

/** British to American. Required, not imported: Node 20 prints a warning when a JSON file is imported. */
const SPELLING: ReadonlyMap<string, string> = new Map(
  Object.entries(createRequire(import.meta.url)("./english-spelling.json") as typeof spellingTable),
);

const IN_BRACKETS = /[<[][^>\]]*[>\]]/g;
const IN_PARENTHESES = /\(([^)]+?)\)/g;
const HESITATION = unicodePattern("\\b(hmm|mm|mhm|mmm|uh|um)\\b");
const SPACE_BEFORE_APOSTROPHE = unicodePattern("\\s+'");
const SPACES = unicodePattern("\\s+");

/** In order: what one rule writes, a later one may read. */
const RULES: readonly [pattern: RegExp, replacement: string][] = (
  [
    ["\\bwon't\\b", "will not"],
    ["\\bcan't\\b", "can not"],
    ["\\blet's\\b", "let us"],
    ["\\bain't\\b", "aint"],
    ["\\by'all\\b", "you all"],
    ["\\bwanna\\b", "want to"],
    ["\\bkinda\\b", "kind of"],
    ["\\bsorta\\b", "sort of"],
    ["\\bdunno\\b", "do not know"],
    ["\\bgotta\\b", "got to"],
    ["\\bgonna\\b", "going to"],
    ["\\bi'ma\\b", "i am going to"],
    ["\\bimma\\b", "i am going to"],
    ["\\bwoulda\\b", "would have"],
    ["\\bcoulda\\b", "could have"],
    ["\\bshoulda\\b", "should have"],
    ["\\bcause\\b", "because"],
    ["\\bma'am\\b", "madam"],
    // Titles.
    ["\\bmr\\b", "mister "],
    ["\\bmrs\\b", "missus "],
    ["\\bst\\b", "saint "],
    ["\\bdr\\b", "doctor "],
    ["\\bprof\\b", "professor "],
    ["\\bcapt\\b", "captain "],
    ["\\bgov\\b", "governor "],
    ["\\bald\\b", "alderman "],
    ["\\bgen\\b", "general "],
    ["\\bsen\\b", "senator "],
    ["\\brep\\b", "representative "],
    ["\\bpres\\b", "president "],
    ["\\brev\\b", "reverend "],
    ["\\bhon\\b", "honorable "],
    ["\\basst\\b", "assistant "],
    ["\\bassoc\\b", "associate "],
    ["\\blt\\b", "lieutenant "],
    ["\\bcol\\b", "colonel "],
    ["\\bjr\\b", "junior "],
    ["\\bsr\\b", "senior "],
    ["\\besq\\b", "esquire "],
    // Perfect tenses; "'s done" is ambiguous and left to the general rule.
    ["'d been\\b", " had been"],
    ["'s been\\b", " has been"],
    ["'d gone\\b", " had gone"],
    ["'s gone\\b", " has gone"],
    ["'d done\\b", " had done"],
    ["'s got\\b", " has got"],
    // Every other contraction.
    ["n't\\b", " not"],
    ["'re\\b", " are"],
    ["'s\\b", " is"],
    ["'d\\b", " would"],
    ["'ll\\b", " will"],
    ["'t\\b", " not"],
    ["'ve\\b", " have"],
    ["'m\\b", " am"],
  ] as const
).map(([source, replacement]) => [unicodePattern(source), replacement]);

/** American spelling of the words of a text. */
export function normalizeSpelling(text: string): string {
  return wordsOf(text)
    .map((word) => SPELLING.get(word) ?? word)
    .join(" ");
}

/** Whisper's normaliser for English: contractions, numbers, spelling, symbols. */
export function normalizeEnglish(text: string): string {
  let normal = text
    .toLowerCase()
    .replace(IN_BRACKETS, "")
    .replace(IN_PARENTHESES, "")
    .replace(HESITATION, "")
    .replace(SPACE_BEFORE_APOSTROPHE, "'");
  for (const [pattern, replacement] of RULES) normal = normal.replace(pattern, replacement);
  normal = normal.replace(/(\p{Nd}),(\p{Nd})/gu, "$1$2").replace(/\.([^0-9]|$)/gu, " $1");
  normal = removeSymbolsAndDiacritics(normal, ".%$¢€£");
  normal = normalizeSpelling(normalizeNumbers(normal));
  // Symbols that turned out not to belong to a number.
  return normal
    .replace(/[.$¢€£]([^0-9])/gu, " $1")
    .replace(/([^0-9])%/gu, "$1 ")
    .replace(SPACES, " ");
}

/** Whisper's normaliser for every other language: lower case, no symbols, accents kept. */
export function basicNormalize(text: string): string {
  const plain = text.toLowerCase().replace(IN_BRACKETS, "").replace(IN_PARENTHESES, "");
  return removeSymbols(plain).toLowerCase().replace(SPACES, " ");
}

/** The normaliser for a Whisper language code. */
export function normalizerFor(language: string): (text: string) => string {
  return /^en(-|$)/i.test(language) ? normalizeEnglish : basicNormalize;
}
