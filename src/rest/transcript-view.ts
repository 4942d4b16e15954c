/**
 * The transcript of a call as JSON, text or captions: of one track, or of both by time.
 */
import type * as z from "zod";
import { type CaptionSource, cuesOf, lingering } from "../captions/cue.ts";
import { asSrt } from "../captions/srt.ts";
import { clockOf } from "../captions/time.ts";
import { asVtt } from "../captions/vtt.ts";
import type { ListedCall } from "../store/catalogue.ts";
import type { CallEvent, Track } from "../transcript/event.ts";
import type { transcriptAnswer, transcriptQuery } from "./schemas.ts";

export type TranscriptFormat = NonNullable<z.infer<typeof transcriptQuery>["format"]>;
export type Final = Extract<CallEvent, { type: "transcript.final" }>;
export type Gap = Extract<CallEvent, { type: "transcript.gap" }>;

export const TRANSCRIPT_TYPES: Readonly<Record<TranscriptFormat, string>> = {
  json: "application/json",
  txt: "text/plain; charset=utf-8",
  srt: "application/x-subrip; charset=utf-8",
  vtt: "text/vtt; charset=utf-8",
};

const CAUSES: Record<Gap["cause"], string> = {
  not_received: "not received",
  not_recognised: "not recognised",
  overload: "left out under load",
  crash: "lost in a restart",
};

/** What was said and what is missing, each by its start. */
export interface Spoken {
  finals: Final[];
  gaps: Gap[];
}

/** Of all tracks, or of one. */
export function spokenOf(events: readonly CallEvent[], track: Track | undefined): Spoken {
  const spoken: Spoken = { finals: [], gaps: [] };
  for (const event of events) {
    if (event.type === "transcript.final") spoken.finals.push(event);
    else if (event.type === "transcript.gap") spoken.gaps.push(event);
  }
  const order = <T extends Final | Gap>(rows: T[]): T[] =>
    rows
      .filter((row) => track === undefined || row.track === track)
      .sort((a, b) => a.startMs - b.startMs || a.sequence - b.sequence);
  return { finals: order(spoken.finals), gaps: order(spoken.gaps) };
}

export function transcriptText(
  format: TranscriptFormat,
  call: ListedCall,
  spoken: Spoken,
  track?: Track,
): string {
  const tracks = call.tracks.filter((one) => track === undefined || one.track === track);
  const named = tracks.length > 1;
  if (format === "json") return JSON.stringify(asJson(call, tracks, spoken));
  if (format === "txt") return asText(spoken, named);
  const cues = cuesOf(spoken.finals.map((final) => captionOf(final, named)));
  // People talk at the same time, and captions may not go back in time.
  cues.sort((a, b) => a.startMs - b.startMs);
  const shown = lingering(cues);
  return format === "srt" ? asSrt(shown) : asVtt(shown);
}

function asJson(
  { callSid, endedAt, mediaMs }: ListedCall,
  tracks: ListedCall["tracks"],
  { finals, gaps }: Spoken,
): z.infer<typeof transcriptAnswer> {
  return {
    callSid,
    status: endedAt === null ? "live" : "ended",
    tracks,
    durationMs: mediaMs,
    finals: finals.map(({ sequence, track, label, startMs, endMs, text, language, confidence, words }) => {
      return { sequence, track, label, startMs, endMs, text, language, confidence, words };
    }),
    gaps: gaps.map(({ sequence, track, label, startMs, endMs, cause }) => {
      return { sequence, track, label, startMs, endMs, cause };
    }),
  };
}

/** A line for each final and gap, `[00:01:02] caller: words`. */
function asText({ finals, gaps }: Spoken, named: boolean): string {
  const rows = [...finals, ...gaps].sort((a, b) => a.startMs - b.startMs || a.sequence - b.sequence);
  return rows
    .map((row) => {
      const time = clockOf(row.startMs, ".").slice(0, -".000".length);
      const missing = ((row.endMs - row.startMs) / 1000).toFixed(1);
      const said =
        row.type === "transcript.final" ? oneLine(row.text) : `(${missing} s ${CAUSES[row.cause]})`;
      return `[${time}] ${named ? `${oneLine(row.label)}: ` : ""}${said}\n`;
    })
    .join("");
}

function captionOf({ text, startMs, endMs, words, label }: Final, named: boolean): CaptionSource {
  const timed = words.map(({ word, ...times }) => ({ text: word, ...times }));
  return { text, startMs, endMs, words: timed, ...(named && { speaker: label }) };
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\s]+/gu, " ").trim();
}
