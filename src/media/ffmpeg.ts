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
import { malformed } from "./block.ts";
import type { MediaKind } from "./kind.ts";
import { DECODING_NICENESS } from "./limits.ts";
import { Sound } from "./sound.ts";

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
const SAMPLE_BYTES = 2;

export interface FfmpegOptions {
  /** Path of the program. */
  program: string;
  kind: MediaKind;
  bytes: Uint8Array;
  maximumDurationMs: number;
  /** Folder for the file, which has to be one for MP4: its index may lie at its end. Default that of the system. */
  folder?: string | undefined;
}

/**
 * Decodes the first track of sound. When this settles, the process and the file are gone.
 *
 * @param signal - Ends it; then this rejects with the signal's reason.
 * @throws {LinescribeError} `MEDIA_MALFORMED`, `MEDIA_TOO_LONG`, or `MEDIA_FAILED` when ffmpeg cannot be started.
 */
export async function decodeWithFfmpeg(options: FfmpegOptions, signal: AbortSignal): Promise<Sound> {
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

function argumentsOf(kind: MediaKind, file: string): string[] {
  return [
    ...["-nostdin", "-hide_banner", "-loglevel", "quiet", "-threads", "1"],
    ...["-max_alloc", String(ALLOCATION_MAXIMUM_BYTES)],
    ...["-protocol_whitelist", "file", "-f", DEMUXERS[kind], "-i", `file:${file}`],
    ...["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-filter_threads", "1"],
    ...["-ac", "1", "-ar", String(MODEL_RATE_HZ), "-f", "s16le", "pipe:1"],
  ];
}

async function run(
  { program, kind, maximumDurationMs }: FfmpegOptions,
  file: string,
  signal: AbortSignal,
): Promise<Sound> {
  signal.throwIfAborted();
  // Nothing of our environment: keys and tokens may be in it.
  const child = spawn(program, argumentsOf(kind, file), {
    stdio: ["ignore", "pipe", "ignore"],
    env: {},
    cwd: path.dirname(file),
  });
  if (child.pid !== undefined) setNiceness(DECODING_NICENESS, child.pid);
  const maximumSamples = msToSamples(maximumDurationMs, MODEL_RATE_HZ);
  try {
    return await soundOf(child, maximumSamples, signal);
  } finally {
    await killed(child);
  }
}

function soundOf(child: ChildProcess, maximumSamples: number, signal: AbortSignal): Promise<Sound> {
  const sound = new Sound();
  let odd: Buffer = Buffer.alloc(0);
  return new Promise<Sound>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    child.once("error", (cause) => {
      reject(new LinescribeError("MEDIA_FAILED", `ffmpeg could not be started: ${cause.message}`, { cause }));
    });
    child.stdout?.on("data", (chunk: Buffer) => {
      const bytes = odd.length === 0 ? chunk : Buffer.concat([odd, chunk]);
      const whole = bytes.length - (bytes.length % SAMPLE_BYTES);
      odd = bytes.subarray(whole);
      sound.push(samplesOf(bytes.subarray(0, whole)));
      if (sound.length <= maximumSamples) return;
      const limit = `${Math.round(maximumSamples / MODEL_RATE_HZ)} s`;
      reject(new LinescribeError("MEDIA_TOO_LONG", `The file plays longer than ${limit}`));
    });
    child.once("close", (code) => {
      if (sound.length > 0) resolve(sound);
      else reject(malformed(`ffmpeg found no sound in the file (exit code ${code})`));
    });
  });
}

function samplesOf(bytes: Buffer): Int16Array {
  const s16 = new Int16Array(bytes.length / SAMPLE_BYTES);
  for (let index = 0; index < s16.length; index++) s16[index] = bytes.readInt16LE(index * SAMPLE_BYTES);
  return s16;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}
