/**
 * Words of an interim result: the recogniser gives times to finals only, so these are spread over what was heard.
 */
import { isUnspaced } from "../asr/words.ts";
import type { Spoken } from "./words.ts";

/**
 * @param text - Of a partial, which was heard from `startMs` to `endMs`.
 * @returns Words whose share of the time is that of their characters; their confidence is not known, 0.
 */
export function interimOf(text: string, language: string, startMs: number, endMs: number): Spoken {
  const pieces = isUnspaced(language) ? [...text] : text.split(/\s+/u);
  const written = pieces.filter((piece) => piece.trim() !== "");
  const total = written.reduce((sum, { length }) => sum + length, 0);
  let characters = 0;
  const timeOf = (): number => Math.round(startMs + ((endMs - startMs) * characters) / Math.max(1, total));
  const words = written.map((word) => {
    const from = timeOf();
    characters += word.length;
    return { word, startMs: from, endMs: timeOf(), confidence: 0 };
  });
  return { text, language, confidence: 0, words };
}
