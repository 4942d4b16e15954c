/**
 * Audio in which nobody speaks: which words come out of it; and speech over hold music.
 */

import { Packages } from "../../fixtures/build/packages.ts";
import { s16ToF32 } from "../../src/audio/sample.ts";
import { PHONE_RATE_HZ } from "../../src/base/time.ts";
import { callFromSounds } from "../../src/cli/replay/sound-call.ts";
import { asMulaw, type Clip, speechFrames } from "../corpus.ts";
import { type BenchServer, textOf } from "../server.ts";
import { type Noise, synthesised } from "../sounds/noises.ts";
import { amplitude, atLevel, concat, fill, mix, rms, silence } from "../sounds/signals.ts";
import { normalWords } from "../words.ts";
import type { Pair } from "./score.ts";
import { pairOfCall } from "./speech.ts";

/** The screams of monkeys that the English prompts have. */
const ANIMALS = "tt-monkeys";
const ANIMALS_SECONDS = 120;
const FRAME_SAMPLES = PHONE_RATE_HZ / 100;
const CLIPS_PER_CALL = 12;
const GAP_SECONDS = 1;
/** RMS of speech in dB of full scale, about what ITU-T P.56 calls nominal. */
const SPEECH_DB = -26;

export interface NoiseResult {
  kind: string;
  minutes: number;
  words: number;
  /** Spans told as speech that was not recognised. */
  gaps: number;
  finals: { startMs: number; endMs: number; text: string; confidence: number }[];
}

/** @param root - Where the packages with music and animals are; null leaves those out. */
export function noises(root: string | null): Noise[] {
  if (root === null) return synthesised();
  const packages = new Packages(root);
  const scream = s16ToF32(packages.prompt("en", ANIMALS));
  return [
    ...synthesised(),
    { kind: "animals", pcm8k: fill(ANIMALS_SECONDS, () => scream) },
    ...packages.musicNames.map((name) => ({
      kind: `music: ${name.replaceAll(/[-_]/g, " ")}`,
      pcm8k: s16ToF32(packages.music(name)),
    })),
  ];
}

/** Each kind as a call, through the whole product as fast as it takes it. */
export async function playNoise(server: BenchServer, { kind, pcm8k }: Noise): Promise<NoiseResult> {
  const { finals, gaps } = await server.play(callFromSounds([asMulaw(pcm8k)], { mode: "connect" }), "max");
  return {
    kind,
    minutes: pcm8k.length / PHONE_RATE_HZ / 60,
    words: finals.reduce((sum, { text }) => sum + normalWords(text).length, 0),
    gaps: gaps.length,
    finals: finals.map(({ startMs, endMs, text, confidence }) => ({ startMs, endMs, text, confidence })),
  };
}

/**
 * Calls of 12 clips with 1 s between, over hold music that plays throughout.
 *
 * @param ratioDb - Level of the speech (RMS of its 10 ms frames within 30 dB of the loud ones) over that of the music
 *   (RMS), the same in every call; null leaves the music out.
 */
export async function playOverMusic(
  server: BenchServer,
  root: string,
  clips: readonly Clip[],
  ratioDb: number | null,
): Promise<Pair[]> {
  const packages = new Packages(root);
  const music = concat(packages.musicNames.map((name) => atLevel(s16ToF32(packages.music(name)), -20)));
  const pairs: Pair[] = [];
  for (let at = 0, from = 0; at < clips.length; at += CLIPS_PER_CALL) {
    const call = clips.slice(at, at + CLIPS_PER_CALL);
    const pcm8k = strung(call.map(evened));
    const under = fill(pcm8k.length / PHONE_RATE_HZ, (index) => (index === 0 ? music.subarray(from) : music));
    from = (from + pcm8k.length) % music.length;
    const mixed = ratioDb === null ? pcm8k : mix(pcm8k, atLevel(under, SPEECH_DB - ratioDb));
    const played = await server.play(callFromSounds([asMulaw(mixed)], { mode: "connect" }), "max");
    pairs.push(pairOfCall(call, textOf(played)));
  }
  return pairs;
}

/** The clips with silence between, before and after them. */
function strung(sounds: readonly Float32Array[]): Float32Array {
  const gap = silence(GAP_SECONDS);
  return concat([gap, ...sounds.flatMap((sound) => [sound, gap])]);
}

/** The clip with its speech at SPEECH_DB. */
function evened({ pcm8k }: Clip): Float32Array {
  const frames = speechFrames(pcm8k).map((frame) =>
    pcm8k.subarray(frame * FRAME_SAMPLES, (frame + 1) * FRAME_SAMPLES),
  );
  const gain = amplitude(SPEECH_DB) / Math.max(1e-9, rms(concat(frames)));
  return pcm8k.map((sample) => sample * gain);
}
