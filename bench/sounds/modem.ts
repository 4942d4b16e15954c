/**
 * What is heard when a modem or a fax machine calls: answer tone, calling tone, V.21 and V.22 carriers with random bits.
 * Tones and baud rates are those of ITU-T V.25, T.30, V.21 and V.22; there is no pulse shaping but a low-pass.
 */

import { random } from "../../fixtures/build/sound.ts";
import { PHONE_RATE_HZ } from "../../src/base/time.ts";
import { amplitude, atLevel, concat, fill, lowPass, samplesOf, silence, tones } from "./signals.ts";

/** -12 dBm0 or so. */
const LEVEL_DB = -18;

export function modem(seconds: number): Float32Array {
  return fill(seconds, (index) =>
    concat([
      tones([1100], 0.5, LEVEL_DB),
      silence(3),
      answerTone(3.3),
      silence(0.075),
      frequencyShift(4, [980, 1180], 300, 10 * index + 1),
      frequencyShift(4, [1650, 1850], 300, 10 * index + 2),
      phaseShift(5, 1200, 10 * index + 3),
      phaseShift(5, 2400, 10 * index + 4),
      silence(2),
    ]),
  );
}

/** V.25: 2100 Hz, its phase reversed every 450 ms. */
function answerTone(seconds: number): Float32Array {
  const period = samplesOf(0.45);
  return tones([2100], seconds, LEVEL_DB).map((sample, at) =>
    Math.floor(at / period) % 2 === 0 ? sample : -sample,
  );
}

/** V.21: random bits as one of two frequencies, phase continuous. */
function frequencyShift(
  seconds: number,
  [mark, space]: readonly [number, number],
  baud: number,
  seed: number,
): Float32Array {
  const next = random(seed);
  const perBit = PHONE_RATE_HZ / baud;
  let [phase, hz, bit] = [0, mark, -1];
  return Float32Array.from({ length: samplesOf(seconds) }, (_, at) => {
    if (Math.floor(at / perBit) !== bit) {
      bit = Math.floor(at / perBit);
      hz = next() < 0.5 ? mark : space;
    }
    phase += (2 * Math.PI * hz) / PHONE_RATE_HZ;
    return amplitude(LEVEL_DB) * Math.sin(phase);
  });
}

/** V.22: 600 baud, the phase advances by a random multiple of 90 degrees. */
function phaseShift(seconds: number, carrierHz: number, seed: number): Float32Array {
  const next = random(seed);
  const perSymbol = PHONE_RATE_HZ / 600;
  let [shift, symbol] = [0, -1];
  const carrier = Float32Array.from({ length: samplesOf(seconds) }, (_, at) => {
    if (Math.floor(at / perSymbol) !== symbol) {
      symbol = Math.floor(at / perSymbol);
      shift += (Math.PI / 2) * Math.floor(4 * next());
    }
    return Math.sin((2 * Math.PI * carrierHz * at) / PHONE_RATE_HZ + shift);
  });
  return atLevel(lowPass(carrier, 3400), LEVEL_DB - 3);
}
