/**
 * What a line carries when nobody speaks, a kind at a time: synthesised, but for the music and the animals, which are
 * recordings. Sounds of people that are no words (coughs) are synthesised bursts of shaped noise: no free recording of
 * them is packaged.
 */
import { random } from "../../fixtures/build/sound.ts";
import { modem } from "./modem.ts";
import {
  atLevel,
  concat,
  fading,
  fill,
  lowPass,
  mix,
  pulses,
  resonance,
  samplesOf,
  silence,
  tones,
  whiteNoise,
  withinScale,
} from "./signals.ts";

export interface Noise {
  kind: string;
  /** 8 kHz mono in [-1, 1]. */
  pcm8k: Float32Array;
}

/** Level of call-progress tones, dB of full scale per frequency (about -13 dBm0, ITU-T E.180 allows -10 +/- 5). */
const TONE_DB = -19;

const DTMF_HZ = [697, 770, 852, 941].flatMap((low) => [1209, 1336, 1477, 1633].map((high) => [low, high]));

export function synthesised(): Noise[] {
  return [
    { kind: "silence", pcm8k: silence(120) },
    {
      kind: "line noise",
      pcm8k: fill(120, (index) => whiteNoise(30, [-66, -60, -54, -48][index] ?? -60, 1 + index)),
    },
    { kind: "comfort noise", pcm8k: fill(120, comfortNoise) },
    { kind: "ringback", pcm8k: fill(120, ringback) },
    { kind: "busy tone", pcm8k: fill(120, busyTone) },
    { kind: "dtmf", pcm8k: dtmf(120, 11) },
    { kind: "modem", pcm8k: modem(120) },
    { kind: "cough", pcm8k: coughs(120, 21) },
    { kind: "breath", pcm8k: breaths(120, 31) },
    { kind: "line hum", pcm8k: fill(120, lineHum) },
    { kind: "clicks", pcm8k: clicks(120, 41) },
  ];
}

/** G.711 appendix II: noise with the colour of a room, here low-passed, at the levels that encoders send. */
function comfortNoise(index: number): Float32Array {
  const levelDb = [-60, -52, -46, -40][index % 4] as number;
  return atLevel(lowPass(whiteNoise(30, -20, 100 + index), 900), levelDb);
}

/** North America (440 + 480 Hz, 2 s on, 4 s off), United Kingdom (400 + 450 Hz, twice), Europe (425 Hz, 1 on, 4 off). */
function ringback(index: number): Float32Array {
  const european = concat([tones([425], 1, TONE_DB), silence(4)]);
  const british = [0.4, 0.4].flatMap((on) => [tones([400, 450], on, TONE_DB), silence(0.2)]);
  const american = concat([tones([440, 480], 2, TONE_DB), silence(4)]);
  return [american, concat([...british, silence(1.8)]), european][index % 3] as Float32Array;
}

/** Busy and reorder of North America and Europe, dial tone, and the three rising tones before "no such number". */
function busyTone(index: number): Float32Array {
  const repeated = (frequencies: number[], seconds: number, times: number): Float32Array =>
    concat(
      Array.from({ length: times }, () => [tones(frequencies, seconds, TONE_DB), silence(seconds)]).flat(),
    );
  const cadences = [
    () => repeated([480, 620], 0.5, 6),
    () => repeated([480, 620], 0.25, 10),
    () => repeated([425], 0.5, 6),
    () => tones([350, 440], 4, TONE_DB),
    () => concat([...[950, 1400, 1800].map((hz) => tones([hz], 0.33, TONE_DB)), silence(2)]),
  ];
  return (cadences[index % cadences.length] as () => Float32Array)();
}

/** Keys of all sixteen, pressed for 50 to 400 ms, 50 ms to 1.5 s apart. */
function dtmf(seconds: number, seed: number): Float32Array {
  const next = random(seed);
  return fill(seconds, () => {
    const pair = DTMF_HZ[Math.floor(next() * DTMF_HZ.length)] as number[];
    return concat([tones(pair, 0.05 + 0.35 * next(), -12), silence(0.05 + 1.45 * next() ** 2)]);
  });
}

/** Mains hum of 50 and 60 Hz with its harmonics, which are what a telephone passes, over line noise. */
function lineHum(index: number): Float32Array {
  const base = index % 2 === 0 ? 50 : 60;
  const harmonics = [1, 2, 3, 5, 7, 9, 11].map((times) => tones([base * times], 15, -26 - 2 * times));
  return mix(harmonics.reduce(mix), whiteNoise(15, -60, 300 + index));
}

/** Clicks and crackle: single samples up to full scale, ringing for a millisecond, 0.1 to 20 a second. */
function clicks(seconds: number, seed: number): Float32Array {
  const next = random(seed);
  const pcm8k = whiteNoise(seconds, -62, seed + 1);
  for (let at = 0; at < pcm8k.length; ) {
    const gain = (next() < 0.5 ? -1 : 1) * next();
    for (let ring = 0; ring < 8 && at + ring < pcm8k.length; ring++) pcm8k[at + ring] = gain * (-0.6) ** ring;
    at += samplesOf(0.05 + (next() < 0.2 ? 3 : 0.6) * next());
  }
  return pcm8k;
}

/**
 * One to three coughs, then a pause: an explosion of noise through the resonances of an open mouth, and in every second
 * one a short voiced end, whose pitch falls, as in clearing one's throat.
 */
function coughs(seconds: number, seed: number): Float32Array {
  const next = random(seed);
  return fill(seconds, (index) => {
    const bursts = Array.from({ length: 1 + Math.floor(next() * 3) }, (_, time) => {
      const noise = whiteNoise(0.15 + 0.15 * next(), -6, seed * 1000 + index * 10 + time);
      const voice = index % 2 === 0 ? pulses(0.1 + 0.15 * next(), 90 + 130 * next()) : silence(0.02);
      const [explosion, end] = [fading(noise, 0.008, 0.07), fading(voice, 0.02, 0.1)].map((sound) =>
        atLevel(
          resonance(resonance(sound, 650 + 200 * next(), 120), 1300 + 300 * next(), 180),
          -20 + 6 * next(),
        ),
      );
      return concat([explosion as Float32Array, end as Float32Array, silence(0.08 + 0.2 * next())]);
    });
    return concat([withinScale(concat(bursts)), silence(1 + 3 * next())]);
  });
}

/** Somebody breathes into the telephone: swells of noise of a second or so, at -45 to -25 dB. */
function breaths(seconds: number, seed: number): Float32Array {
  const next = random(seed);
  return fill(seconds, (index) => {
    const noise = lowPass(whiteNoise(0.6 + next(), -6, seed * 1000 + index), 500 + 1500 * next());
    const swell = noise.map((sample, at) => sample * Math.sin((Math.PI * at) / noise.length) ** 2);
    return concat([atLevel(swell, -45 + 20 * next()), silence(0.5 + 1.5 * next())]);
  });
}
