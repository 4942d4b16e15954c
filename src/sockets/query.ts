/**
 * The options of `/ws/transcribe`, as its address names them.
 */
import { z } from "zod";
import { NO_HINTS, parseHints } from "../asr/hints.ts";
import { PCM_ENCODINGS } from "../audio/pcm.ts";
import { STREAM_RATES_HZ, type StreamRateHz } from "../audio/rate-converter.ts";
import { LinescribeError } from "../base/error.ts";
import type { AudioFormat } from "../session/audio-intake.ts";
import type { Chunking } from "../session/speech-track.ts";
import { endpointerOptions, PROFILES } from "../vad/profile.ts";

export interface OpenQuery {
  kind: "open";
  format: AudioFormat;
  chunking: Chunking;
  language: string;
  hints: readonly string[];
  partials: boolean;
  /** The options as they were given, hints left out: they may be names of people. */
  given: Record<string, string>;
}

export interface ResumeQuery {
  kind: "resume";
  token: string;
  /** Sequence of the last event that the client has. */
  after: number;
}

/** Silero's own rule: speech goes on down to 0.15 below the threshold. */
const OFFSET_BELOW_ONSET = 0.15;
const LOWEST_OFFSET = 0.01;

/** A number in decimal notation within a range. */
const number = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,6}(\.\d{1,6})?$/, "expected a number")
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));
const whole = (minimum: number, maximum: number) => number(minimum, maximum).pipe(z.int());

const openSchema = z.strictObject({
  sample_rate: z.enum(STREAM_RATES_HZ.map(String) as [string, ...string[]]).default("16000"),
  encoding: z.enum(PCM_ENCODINGS).default("float32"),
  chunking: z.enum(["vad", "fixed"]).default("vad"),
  threshold: number(0.05, 0.95).default(PROFILES.pcm.onsetThreshold),
  silence_ms: whole(32, 10_000).default(PROFILES.pcm.silenceMs),
  min_speech_ms: whole(0, 5000).default(PROFILES.pcm.minimumSpeechMs),
  chunk_s: number(1, 28).default(3),
  overlap_s: number(0, 5).default(0.5),
  language: z.string().min(2).max(20).default("en"),
  hints: z.string().default(""),
  partials: z.enum(["true", "false"]).default("true"),
});

const resumeSchema = z.strictObject({
  resume: z.string().min(1).max(200),
  after: z
    .string()
    .regex(/^\d{1,9}$/, "expected a sequence number")
    .transform(Number)
    .default(0),
});

/** Options that mean something in one mode only: in the other they are a mistake. */
const OF_MODE = {
  vad: ["threshold", "silence_ms", "min_speech_ms"],
  fixed: ["chunk_s", "overlap_s"],
} as const;

/**
 * Reads the options of an address.
 *
 * @param url - Of the request, `/ws/transcribe?encoding=s16`.
 * @throws {LinescribeError} `SOCKET_BAD_QUERY` naming every option that is unknown, given twice, out of range or of the
 *   other mode; `ASR_BAD_HINTS`.
 */
export function parseQuery(url: string): OpenQuery | ResumeQuery {
  const given = optionsOf(url);
  if ("resume" in given || "after" in given) {
    const { resume, after } = parseWith(resumeSchema, given);
    return { kind: "resume", token: resume, after };
  }
  const options = parseWith(openSchema, given);
  const other = OF_MODE[options.chunking === "vad" ? "fixed" : "vad"].find((name) => name in given);
  if (other !== undefined) throw badQuery(`${other}: does not go with chunking=${options.chunking}`);
  if (options.overlap_s > options.chunk_s / 2) throw badQuery("overlap_s: expected at most half of chunk_s");
  const { hints, ...kept } = given;
  return {
    kind: "open",
    format: { encoding: options.encoding, sampleRateHz: Number(options.sample_rate) as StreamRateHz },
    chunking: chunkingOf(options),
    language: options.language,
    hints: hints === undefined ? NO_HINTS : parseHints(hints),
    partials: options.partials === "true",
    given: kept,
  };
}

function chunkingOf(options: z.infer<typeof openSchema>): Chunking {
  const { chunking, threshold, silence_ms, min_speech_ms, chunk_s, overlap_s } = options;
  if (chunking === "fixed") {
    return { mode: "fixed", chunkMs: Math.round(chunk_s * 1000), overlapMs: Math.round(overlap_s * 1000) };
  }
  const endpointer = endpointerOptions("pcm", {
    onsetThreshold: threshold,
    offsetThreshold: Math.max(LOWEST_OFFSET, threshold - OFFSET_BELOW_ONSET),
    silenceMs: silence_ms,
    longSilenceMs: silence_ms,
    hangoverPadMs: Math.min(PROFILES.pcm.hangoverPadMs, silence_ms),
    minimumSpeechMs: min_speech_ms,
  });
  return { mode: "vad", endpointer };
}

function optionsOf(url: string): Record<string, string> {
  const start = url.indexOf("?");
  const options: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(start < 0 ? "" : url.slice(start))) {
    if (name in options) throw badQuery(`${shown(name)}: given twice`);
    options[name] = value;
  }
  return options;
}

function parseWith<T extends z.ZodType>(schema: T, given: Record<string, string>): z.infer<T> {
  const parsed = schema.safeParse({ ...given });
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? `${issue.keys.map(shown).join(", ")}: no such option`
      : `${issue.path.join(".")}: ${issue.message}`,
  );
  throw badQuery(faults.join("; "));
}

/** A name that a stranger chose, short enough to be repeated. */
function shown(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}...` : name;
}

function badQuery(faults: string): LinescribeError {
  return new LinescribeError("SOCKET_BAD_QUERY", faults);
}
