/**
 * A transcript in the formats of the API.
 */
import { deflateSync } from "node:zlib";
import { type CaptionSource, cuesOf } from "../captions/cue.ts";
import { asSrt } from "../captions/srt.ts";
import { asVtt } from "../captions/vtt.ts";
import type { TranscribedUtterance, Transcript } from "../recording/transcript.ts";
import type { TranscriptionRequest } from "./transcription-request.ts";

export interface Answer {
  type: string;
  body: string;
}

export interface AnsweredRecording {
  transcript: Transcript;
  durationMs: number;
}

const PLAIN = "text/plain; charset=utf-8";

export function answerOf(
  { format, granularities }: Pick<TranscriptionRequest, "format" | "granularities">,
  recording: AnsweredRecording,
): Answer {
  const { transcript, durationMs } = recording;
  const cues = () => cuesOf(transcript.utterances.map(captioned));
  switch (format) {
    case "json":
      return asJson({ text: transcript.text, usage: usageOf(durationMs) });
    case "verbose_json":
      return asJson(verbose(recording, granularities));
    case "srt":
      return { type: PLAIN, body: asSrt(cues()) };
    case "vtt":
      return { type: "text/vtt; charset=utf-8", body: asVtt(cues()) };
    case "text":
      return { type: PLAIN, body: `${transcript.text}\n` };
  }
}

function captioned({ text, startMs, endMs, words }: TranscribedUtterance): CaptionSource {
  const timed = words.map(({ word, ...times }) => ({
    text: word,
    startMs: times.startMs,
    endMs: times.endMs,
  }));
  return { text, startMs, endMs, words: timed };
}

function asJson(body: object): Answer {
  return { type: "application/json", body: JSON.stringify(body) };
}

function verbose(
  { transcript, durationMs }: AnsweredRecording,
  granularities: ReadonlySet<"segment" | "word">,
): object {
  const { language, text, utterances } = transcript;
  return {
    task: "transcribe",
    language: language === null ? "" : nameOf(language),
    duration: seconds(durationMs),
    text,
    ...(granularities.has("segment") ? { segments: utterances.map(segmentOf) } : {}),
    ...(granularities.has("word") ? { words: utterances.flatMap(wordsOf) } : {}),
    usage: usageOf(durationMs),
  };
}

/** Every field of OpenAI's; those that a cut utterance and a search without sampling have only one value for are that. */
function segmentOf({ startMs, endMs, text, model }: TranscribedUtterance, id: number): object {
  return {
    id,
    // Where the window of the model begins, in its frames of 10 ms: each utterance has a window of its own.
    seek: Math.round(startMs / 10),
    start: seconds(startMs),
    end: seconds(endMs),
    text,
    tokens: model.tokens,
    temperature: 0,
    avg_logprob: Number(model.logprob.toFixed(4)),
    compression_ratio: compressionRatio(text),
    no_speech_prob: Number(model.noSpeech.toFixed(4)),
  };
}

function wordsOf({ words }: TranscribedUtterance): object[] {
  return words.map(({ word, startMs, endMs }) => ({
    word,
    start: seconds(startMs),
    end: seconds(endMs),
  }));
}

/** Bytes of the text over its bytes under zlib, as openai/whisper has it: loops have more than 2.4. */
function compressionRatio(text: string): number {
  const bytes = Buffer.from(text);
  return Number((bytes.length / deflateSync(bytes).length).toFixed(4));
}

function seconds(ms: number): number {
  return ms / 1000;
}

/** OpenAI writes languages out, `english`; what has no name in English stays a code. */
function nameOf(code: string): string {
  return (new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code).toLowerCase();
}

function usageOf(durationMs: number): { type: "duration"; seconds: number } {
  return { type: "duration", seconds: Math.ceil(durationMs / 1000) };
}
