/**
 * A transcript in the formats of the API.
 */
import type { Transcript } from "../recording/transcript.ts";
import type { TranscriptionRequest } from "./transcription-request.ts";

export interface Answer {
  type: string;
  body: string;
}

export interface AnsweredRecording {
  transcript: Transcript;
  durationMs: number;
}

export function answerOf(
  { format }: Pick<TranscriptionRequest, "format" | "granularities">,
  { transcript, durationMs }: AnsweredRecording,
): Answer {
  switch (format) {
    case "json":
      return asJson({ text: transcript.text, usage: usageOf(durationMs) });
    default:
      return { type: "text/plain; charset=utf-8", body: `${transcript.text}\n` };
  }
}

function asJson(body: object): Answer {
  return { type: "application/json", body: JSON.stringify(body) };
}

function usageOf(durationMs: number): { type: "duration"; seconds: number } {
  return { type: "duration", seconds: Math.ceil(durationMs / 1000) };
}
