/**
 * Decodes with an installed ffmpeg what no library here does: a child process that sees one file and nothing else.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { LinescribeError, messageOf } from "../base/error.ts";
import { setNiceness } from "../base/niceness.ts";
import { MODEL_RATE_HZ, msToSamples } from "../base/time.ts";
import { AuTracks } from "./au.ts";
import { malformed } from "./block.ts";
import { tooLong } from "./funnel.ts";
import type { MediaKind } from "./kind.ts";
import { type ChannelLayout, DECODING_NICENESS } from "./limits.ts";
import type { Sound } from "./sound.ts";

/**
 * The demuxer of each kind, named because ffmpeg's own guess could take a file for a playlist, which names other files.
 */
const DEMUXERS: Readonly<Record<MediaKind, string>> = {
  mp4: "mov",
  aac: "aac",
  webm: "matroska",
  ogg: "ogg",
  wav: "wav",
  mp3: "mp3",
  flac: "flac",
};

/** One allocation of ffmpeg at most, bytes. */
const ALLOCATION_MAXIMUM_BYTES = 64 * 1024 * 1024;

export interface FfmpegOptions {
  /** Path of the program. */
  program: string;
  kind: MediaKind;
  bytes: Uint8Array;
  maximumDurationMs: number;
  layout: ChannelLayout;
  /** Folder for the file, which has to be one for MP4: its index may lie at its end. Default that of the system. */
  folder?: string | undefined;
}

/**
 * Decodes the first track of sound. When this settles, the process and the file are gone.
 *
 * @param signal - Ends it; then this rejects with the signal's reason.
 * @throws {LinescribeError} `MEDIA_MALFORMED`, `MEDIA_TOO_LONG`, or `MEDIA_FAILED` when ffmpeg cannot be started.
 */
export async function decodeWithFfmpeg(options: FfmpegOptions, signal: AbortSignal): Promise<Sound[]> {
  signal.throwIfAborted();
  const folder = await inFolder(() => mkdtemp(path.join(options.folder ?? tmpdir(), "linescribe-media-")));
  try {
    const file = path.join(folder, "input");
    await inFolder(() => writeFile(file, options.bytes, { mode: 0o600, signal }));
    return await run(options, file, signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A full disk is no fault of the file. */
async function inFolder<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && cause.name === "AbortError") throw cause;
    throw new LinescribeError("MEDIA_FAILED", `The file could not be handed to ffmpeg: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function argumentsOf(kind: MediaKind, file: string, layout: ChannelLayout): string[] {
  return [
    ...["-nostdin", "-hide_banner", "-loglevel", "quiet", "-threads", "1"],
    ...["-max_alloc", String(ALLOCATION_MAXIMUM_BYTES)],
    ...["-protocol_whitelist", "file", "-f", DEMUXERS[kind], "-i", `file:${file}`],
    ...["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-filter_threads", "1"],
    ...(layout === "mixed" ? ["-ac", "1"] : []),
    ...["-ar", String(MODEL_RATE_HZ), "-c:a", "pcm_s16be", "-f", "au", "pipe:1"],
  ];
}

async function run(
  { program, kind, maximumDurationMs, layout }: FfmpegOptions,
  file: string,
  signal: AbortSignal,
): Promise<Sound[]> {
  signal.throwIfAborted();
  // Nothing of our environment: keys and tokens may be in it.
  const child = spawn(program, argumentsOf(kind, file, layout), {
    stdio: ["ignore", "pipe", "ignore"],
    env: {},
    cwd: path.dirname(file),
  });
  if (child.pid !== undefined) setNiceness(DECODING_NICENESS, child.pid);
  const maximumSamples = msToSamples(maximumDurationMs, MODEL_RATE_HZ);
  try {
    return await tracksOf(child, tooLong(maximumSamples, layout), maximumSamples, signal);
  } finally {
    await killed(child);
  }
}

function tracksOf(
  child: ChildProcess,
  excess: LinescribeError,
  maximumSamples: number,
  signal: AbortSignal,
): Promise<Sound[]> {
  const au = new AuTracks();
  return new Promise<Sound[]>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    child.once("error", (cause) => {
      reject(new LinescribeError("MEDIA_FAILED", `ffmpeg could not be started: ${cause.message}`, { cause }));
    });
    child.stdout?.on("data", (chunk: Buffer) => {
      try {
        au.push(chunk);
        if (au.samples > maximumSamples) throw excess;
      } catch (error) {
        reject(error);
        child.stdout?.destroy();
      }
    });
    child.once("close", (code) => {
      if (au.samples > 0) resolve(au.tracks);
      else reject(malformed(`ffmpeg found no sound in the file (exit code ${code})`));
    });
  });
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
