/**
 * The committed model and spoken clips, as the recogniser takes them.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { recogniserFiles } from "../../src/app/model-files.ts";
import { encodeMulaw } from "../../src/audio/g711.ts";
import { resample } from "../../src/audio/resample.ts";
import { f32ToS16 } from "../../src/audio/sample.ts";
import { parseWav } from "../../src/audio/wav.ts";
import { MODEL_RATE_HZ } from "../../src/base/time.ts";

export const MODEL = recogniserFiles("whisper-base");

const SPEECH = path.resolve(import.meta.dirname, "../../fixtures/speech");

export interface Clip {
  id: string;
  language: string;
  text: string;
  seconds: number;
}

export const CLIPS: readonly Clip[] = readFileSync(path.join(SPEECH, "manifest.jsonl"), "utf8")
  .split("\n")
  .filter(Boolean)
  .map((line) => JSON.parse(line));

/** 16 kHz mono in [-1, 1]. */
export function samplesOf({ id }: Clip): Float32Array {
  const { rateHz, channels } = parseWav(readFileSync(path.join(SPEECH, "phone", `${id}.wav`)));
  return resample(channels[0] as Float32Array, rateHz, MODEL_RATE_HZ);
}

/** As the carrier sends it: 8 kHz mu-law. */
export function mulawOf({ id }: Clip): Uint8Array {
  const { channels } = parseWav(readFileSync(path.join(SPEECH, "phone", `${id}.wav`)));
  return encodeMulaw(f32ToS16(channels[0] as Float32Array));
}

/** Clips of a language, shortest first. */
export function clipsIn(language: string): Clip[] {
  return CLIPS.filter((clip) => clip.language === language).sort((a, b) => a.seconds - b.seconds);
}
