/**
 * The clips of a speech folder: `manifest.jsonl` and `phone/<id>.wav`, 8 kHz mono, English, under 30 s.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { encodeMulaw } from "../src/audio/g711.ts";
import { f32ToS16 } from "../src/audio/sample.ts";
import { parseWav } from "../src/audio/wav.ts";
import { PHONE_RATE_HZ } from "../src/base/time.ts";

export interface Clip {
  id: string;
  speaker: string;
  text: string;
  /** 8 kHz mono in [-1, 1]. */
  pcm8k: Float32Array;
  mulaw: Uint8Array;
  seconds: number;
  /** Where the last sample of speech lies, ms from the clip's start: see `speechEndMs`. */
  speechEndMs: number;
}

/** Whisper's window. */
export const LONGEST_SECONDS = 29.9;
const FIXTURES = path.resolve(import.meta.dirname, "../fixtures/speech");

/** The folder that was named, or the clips that ship with the project. */
export function speechFolder(named: string | undefined): string {
  return named ? path.resolve(named) : FIXTURES;
}

export function readClips(folder: string): Clip[] {
  const manifest = path.join(folder, "manifest.jsonl");
  if (!existsSync(manifest)) throw new Error(`Expected a manifest.jsonl in ${folder}`);
  return readManifest(manifest, path.join(folder, "phone"));
}

/** Single spoken digits, `digits.jsonl` and `digits/<id>.wav`; none where the folder has none. */
export function readDigits(folder: string): Clip[] {
  const manifest = path.join(folder, "digits.jsonl");
  return existsSync(manifest) ? readManifest(manifest, path.join(folder, "digits")) : [];
}

function readManifest(manifest: string, sounds: string): Clip[] {
  return readFileSync(manifest, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ seconds, language = "en" }) => seconds < LONGEST_SECONDS && language === "en")
    .map(({ id, speaker, text }) => {
      const { rateHz, channels } = parseWav(readFileSync(path.join(sounds, `${id}.wav`)));
      if (rateHz !== PHONE_RATE_HZ) throw new Error(`Expected ${id} at ${PHONE_RATE_HZ} Hz, got ${rateHz}`);
      return clipOf({ id, speaker, text }, channels[0] as Float32Array);
    });
}

/** @param pcm8k - 8 kHz mono in [-1, 1]; kept. */
export function clipOf(facts: Pick<Clip, "id" | "speaker" | "text">, pcm8k: Float32Array): Clip {
  const seconds = pcm8k.length / PHONE_RATE_HZ;
  return { ...facts, pcm8k, mulaw: asMulaw(pcm8k), seconds, speechEndMs: speechEndMs(pcm8k) };
}

/** What the telephone makes of samples at 8 kHz; louder than full scale is clipped. */
export function asMulaw(pcm8k: Float32Array): Uint8Array {
  return encodeMulaw(f32ToS16(pcm8k));
}

const FRAME_SAMPLES = PHONE_RATE_HZ / 100;
/** A frame counts as speech down to this far below the loud frames of its clip. */
const SPEECH_RANGE_DB = 30;

/**
 * Numbers of the 10 ms frames whose level is within 30 dB of the clip's 95th percentile. Read from the samples, so that
 * times do not depend on what a voice activity detector thinks.
 */
export function speechFrames(pcm: Float32Array): number[] {
  const levels: number[] = [];
  for (let at = 0; at + FRAME_SAMPLES <= pcm.length; at += FRAME_SAMPLES) {
    let energy = 1e-12;
    for (let i = at; i < at + FRAME_SAMPLES; i++) energy += (pcm[i] as number) ** 2;
    levels.push(10 * Math.log10(energy / FRAME_SAMPLES));
  }
  const loud = [...levels].sort((a, b) => a - b)[Math.floor(levels.length * 0.95)] ?? 0;
  return [...levels.keys()].filter((frame) => (levels[frame] as number) >= loud - SPEECH_RANGE_DB);
}

/** End of the last frame of speech. */
function speechEndMs(pcm: Float32Array): number {
  return ((speechFrames(pcm).at(-1) ?? -1) + 1) * 10;
}
