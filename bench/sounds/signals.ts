/**
 * Building blocks of what a telephone line carries besides speech: tones, noise, envelopes. All at 8 kHz, in [-1, 1],
 * and the same for the same seed.
 */

import { random } from "../../fixtures/build/sound.ts";
import { PHONE_RATE_HZ } from "../../src/base/time.ts";

export const samplesOf = (seconds: number): number => Math.round(seconds * PHONE_RATE_HZ);

/** Amplitude of a level in dB of full scale. */
export const amplitude = (db: number): number => 10 ** (db / 20);

/** Sum of sines, each of `levelDb` dB of full scale (peak), with edges of 5 ms so that they do not click. */
export function tones(frequenciesHz: readonly number[], seconds: number, levelDb: number): Float32Array {
  const length = samplesOf(seconds);
  const edge = samplesOf(0.005);
  const gain = amplitude(levelDb);
  return Float32Array.from({ length }, (_, at) => {
    const turn = (2 * Math.PI * at) / PHONE_RATE_HZ;
    const sum = frequenciesHz.reduce((total, hz) => total + Math.sin(hz * turn), 0);
    return gain * sum * Math.min(1, at / edge, (length - at) / edge);
  });
}

export function silence(seconds: number): Float32Array {
  return new Float32Array(samplesOf(seconds));
}

/** Gaussian white noise with an RMS of `levelDb` dB of full scale. */
export function whiteNoise(seconds: number, levelDb: number, seed: number): Float32Array {
  const next = random(seed);
  const gain = amplitude(levelDb);
  return Float32Array.from({ length: samplesOf(seconds) }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return gain * radius * Math.cos(2 * Math.PI * next());
  });
}

/** One-pole low-pass; the level falls with the band. */
export function lowPass(pcm8k: Float32Array, cornerHz: number): Float32Array {
  const step = 1 - Math.exp((-2 * Math.PI * cornerHz) / PHONE_RATE_HZ);
  let state = 0;
  return pcm8k.map((sample) => {
    state += step * (sample - state);
    return state;
  });
}

/** Resonance of two poles, as one formant of a mouth. */
export function resonance(pcm8k: Float32Array, centerHz: number, bandwidthHz: number): Float32Array {
  const radius = Math.exp((-Math.PI * bandwidthHz) / PHONE_RATE_HZ);
  const first = 2 * radius * Math.cos((2 * Math.PI * centerHz) / PHONE_RATE_HZ);
  let [before, last] = [0, 0];
  return pcm8k.map((sample) => {
    [before, last] = [last, sample + first * last - radius * radius * before];
    return last;
  });
}

/** Pulses of a throat, a sample each, whose pitch falls by a third. */
export function pulses(seconds: number, pitchHz: number): Float32Array {
  const length = samplesOf(seconds);
  let phase = 0;
  return Float32Array.from({ length }, (_, at) => {
    phase += (pitchHz * (1 - at / length / 3)) / PHONE_RATE_HZ;
    if (phase < 1) return 0;
    phase -= 1;
    return 1;
  });
}

/** Rises within `riseSeconds` and falls to 1/e within `fallSeconds` after that. */
export function fading(pcm8k: Float32Array, riseSeconds: number, fallSeconds: number): Float32Array {
  const [rise, fall] = [samplesOf(riseSeconds), samplesOf(fallSeconds)];
  return pcm8k.map(
    (sample, at) => sample * Math.min(1, at / rise) * Math.exp(-Math.max(0, at - rise) / fall),
  );
}

/** Brings the RMS to `levelDb` dB of full scale; silence stays silence. */
export function atLevel(pcm8k: Float32Array, levelDb: number): Float32Array {
  const gain = amplitude(levelDb) / Math.max(1e-9, rms(pcm8k));
  return pcm8k.map((sample) => sample * gain);
}

/** Makes it as much quieter as it takes to have no sample beyond full scale. */
export function withinScale(pcm8k: Float32Array): Float32Array {
  const peak = pcm8k.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  return peak > 1 ? pcm8k.map((sample) => sample / peak) : pcm8k;
}

export function rms(pcm8k: Float32Array): number {
  return Math.sqrt(pcm8k.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, pcm8k.length));
}

export function concat(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Pieces made one after the other until `seconds` are full; the last one is cut. */
export function fill(seconds: number, piece: (index: number) => Float32Array): Float32Array {
  const filled = new Float32Array(samplesOf(seconds));
  for (let at = 0, index = 0; at < filled.length; index++) {
    const next = piece(index).subarray(0, filled.length - at);
    filled.set(next, at);
    at += Math.max(1, next.length);
  }
  return filled;
}

/** Sample by sample; the shorter one is followed by silence. */
export function mix(a: Float32Array, b: Float32Array): Float32Array {
  return Float32Array.from({ length: Math.max(a.length, b.length) }, (_, at) => (a[at] ?? 0) + (b[at] ?? 0));
}
