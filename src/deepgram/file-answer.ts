/**
 * Transcripts of a file as Deepgram answers them.
 */
import type { Transcript } from "../recording/transcript.ts";
import type { ModelFacts } from "./model.ts";
import type { FileOptions } from "./options.ts";
import { meanConfidence, paragraphsOf, type Utterance, utterancesOf } from "./utterances.ts";
import { alternativeOf, seconds, type Word } from "./words.ts";

export interface TranscribedFile {
  requestId: string;
  /** Of the audio as it came, in hexadecimal. */
  sha256: string;
  createdAt: number;
  durationMs: number;
  model: ModelFacts;
  /** One for each channel that was transcribed for itself. */
  transcripts: readonly Transcript[];
}

type AnswerOptions = Pick<
  FileOptions,
  "punctuated" | "detectLanguage" | "paragraphs" | "utterances" | "uttSplitMs" | "tags" | "extra"
>;

export function fileAnswerOf(file: TranscribedFile, options: AnswerOptions): object {
  const channels = file.transcripts.map((transcript) => channelOf(transcript, options));
  const utterances = options.utterances
    ? channels.flatMap(({ words, language }, channel) =>
        utterancesOf(words, { channel, language, splitMs: options.uttSplitMs }),
      )
    : null;
  return {
    metadata: metadataOf(file, options),
    results: {
      channels: channels.map(({ answer }) => answer),
      ...(utterances && { utterances: utterances.sort(byStart) }),
    },
  };
}

function byStart(a: Utterance, b: Utterance): number {
  return a.start - b.start || a.channel - b.channel;
}

function metadataOf(file: TranscribedFile, { tags, extra }: AnswerOptions): object {
  const { requestId, sha256, createdAt, durationMs, model, transcripts } = file;
  return {
    transaction_key: "deprecated",
    request_id: requestId,
    sha256,
    created: new Date(createdAt).toISOString(),
    duration: seconds(durationMs),
    channels: transcripts.length,
    models: [model.uuid],
    model_info: { [model.uuid]: model.info },
    ...(tags.length > 0 && { tags }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

function channelOf(
  { utterances, language: heard }: Transcript,
  options: AnswerOptions,
): { answer: object; words: Word[]; language: string } {
  const { detectLanguage, paragraphs } = options;
  const parts = utterances.map((utterance) => alternativeOf(utterance, options));
  const words = parts.flatMap((part) => part.words);
  const language = heard ?? "en";
  const languages = [...new Set(utterances.map((utterance) => utterance.language))];
  const alternative = {
    transcript: parts
      .map(({ transcript }) => transcript)
      .filter((text) => text !== "")
      .join(" "),
    confidence: meanConfidence(words),
    ...(detectLanguage && { languages }),
    words,
    ...(paragraphs && { paragraphs: paragraphsOf(words, language) }),
  };
  const detected = detectLanguage && heard !== null;
  return {
    answer: { ...(detected && { detected_language: heard }), alternatives: [alternative] },
    words,
    language,
  };
}
