/**
 * Texts outside English as they are compared: Whisper's basic normaliser (lower case, no symbols), without accents, which
 * the lists of prompts leave out as they like, and with numbers from zero to ten as digits, for a key may be written
 * either way.
 */
import { removeSymbolsAndDiacritics, wordsOf } from "../../src/score/unicode.ts";

/** Zero to ten, as they are without accents. Words that also are articles ("un", "una") stay words. */
const NUMBERS: Record<string, readonly string[]> = {
  es: ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"],
  fr: ["zero", "", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"],
  it: ["zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove", "dieci"],
  ru: ["ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять"],
};

export function normalizeBasic(text: string, language: string): string {
  const numbers = NUMBERS[language] ?? [];
  return wordsOf(removeSymbolsAndDiacritics(text.toLowerCase(), ""))
    .map((word) => (numbers.includes(word) ? String(numbers.indexOf(word)) : word))
    .join(" ");
}
