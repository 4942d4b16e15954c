/**
 * Languages as Whisper names them.
 */
import type { WhisperMetadata } from "./metadata.ts";

/** Recognise whatever is spoken: the language is detected per utterance. */
export const AUTO_LANGUAGE = "auto";

/**
 * Whisper's code for a language given as a BCP-47 tag (`en-US`) or a code (`en`), or null when the model does not
 * know it. A model without languages is English only.
 */
export function whisperLanguage(metadata: WhisperMetadata, tag: string): string | null {
  const code = tag.toLowerCase().split(/[-_]/)[0] as string;
  if (code === AUTO_LANGUAGE) return isMultilingual(metadata) ? AUTO_LANGUAGE : "en";
  if (isMultilingual(metadata)) return Object.hasOwn(metadata.languages, code) ? code : null;
  return code === "en" ? code : null;
}

export function isMultilingual(metadata: WhisperMetadata): boolean {
  return Object.keys(metadata.languages).length > 0;
}

/** The start tokens of a transcription in `language`, which must be one that `whisperLanguage` returned. */
export function startTokens(metadata: WhisperMetadata, language: string): number[] {
  const { startOfTranscript, transcribe, noTimestamps } = metadata.tokens;
  if (!isMultilingual(metadata)) return [startOfTranscript, noTimestamps];
  const languageToken = metadata.languages[language];
  if (languageToken === undefined || transcribe === null) {
    throw new RangeError(`Expected a language of the model, got ${language}`);
  }
  return [startOfTranscript, languageToken, transcribe, noTimestamps];
}
