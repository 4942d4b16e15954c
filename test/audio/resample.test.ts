import assert from "node:assert/strict";
import { test } from "node:test";
import { resample } from "../../src/audio/resample.ts";
import { Upsampler } from "../../src/audio/upsampler.ts";
import { amplitudeAt, restDb, rms, toDb, tone } from "./spectrum.ts";
import { join } from "./split.ts";

const TONES_HZ = [300, 700, 1700, 2900, 3400];
test("8 to 16 kHz gives what the live path gives, bit for bit", () => {
  const audio = tone(1234, 8000, 1000);
  const upsampler = new Upsampler();
  assert.deepEqual(resample(audio, 8000, 16000), join([upsampler.push(audio), upsampler.flush()]));
});

test("16 to 8 kHz is flat within 0.5 dB from 300 to 3400 Hz and folds nothing above 4600 Hz into it", () => {
  for (let hz = 300; hz <= 3400; hz += 100) {
    const kept = resample(tone(hz, 16000, 4000), 16000, 8000);
    const gainDb = toDb(amplitudeAt(kept, hz, 8000) / 0.5);
    assert.ok(Math.abs(gainDb) < 0.01, `${hz} Hz has a gain of ${gainDb} dB`);
    const folded = resample(tone(8000 - hz, 16000, 4000), 16000, 8000);
    const aliasDb = toDb(rms(folded) / Math.sqrt(0.125));
    assert.ok(aliasDb < -60, `${8000 - hz} Hz folds to ${hz} Hz at ${aliasDb} dB`);
  }
});

test("16 to 8 kHz is aligned: sample n is the tone at sample 2n", () => {
  const halved = resample(tone(1000, 16000, 2000), 16000, 8000);
  const ideal = tone(1000, 8000, 1000);
  for (let index = 40; index < 960; index++) {
    assert.ok(Math.abs((halved[index] as number) - (ideal[index] as number)) < 0.0005, `sample ${index}`);
  }
});

test("44.1, 48, 22.05 and 11.025 kHz become 16 and 8 kHz, flat within 0.5 dB and 50 dB clean", () => {
  for (const fromHz of [48000, 44100, 22050, 11025]) {
    for (const toHz of [16000, 8000]) {
      for (const hz of TONES_HZ) {
        const output = resample(tone(hz, fromHz, fromHz / 5), fromHz, toHz);
        // The package stretches by one input sample over the recording.
        const heardHz = hz * (1 - 1 / (fromHz / 5));
        const gainDb = toDb(amplitudeAt(output, heardHz, toHz) / 0.5);
        assert.ok(Math.abs(gainDb) < 0.5, `${fromHz} to ${toHz}: ${hz} Hz has a gain of ${gainDb} dB`);
      }
    }
  }
});

test("what lies above the new band is at least 50 dB down after 48 to 8 and 44.1 to 16 kHz", () => {
  for (const [fromHz, toHz, hz] of [
    [48000, 8000, 4600],
    [48000, 8000, 12345],
    [44100, 16000, 9200],
    [44100, 16000, 20000],
  ] as const) {
    const aliasDb = toDb(rms(resample(tone(hz, fromHz, 9600), fromHz, toHz)) / Math.sqrt(0.125));
    assert.ok(aliasDb < -50, `${fromHz} to ${toHz}: ${hz} Hz is at ${aliasDb} dB`);
  }
});

test("lengths are the input's times the ratio, rounded, from nothing to odd numbers", () => {
  for (const [fromHz, toHz] of [
    [8000, 16000],
    [16000, 8000],
    [44100, 16000],
    [48000, 16000],
    [11025, 8000],
    [8000, 8000],
  ] as const) {
    for (const samples of [0, 1, 2, 3, 999, 1000]) {
      const { length } = resample(new Float32Array(samples), fromHz, toHz);
      assert.equal(length, Math.round((samples * toHz) / fromHz), `${samples} at ${fromHz} to ${toHz}`);
    }
  }
});

test("the input is never changed and never returned", () => {
  for (const [fromHz, toHz] of [
    [8000, 8000],
    [8000, 16000],
    [16000, 8000],
    [48000, 8000],
  ] as const) {
    const audio = tone(500, fromHz, 600);
    const kept = audio.slice();
    assert.notEqual(resample(audio, fromHz, toHz).buffer, audio.buffer);
    assert.deepEqual(audio, kept);
  }
});

test("a rate outside 4 to 192 kHz is a RangeError", () => {
  for (const hz of [0, 3999, 192_001, 8000.5, Number.NaN]) {
    assert.throws(() => resample(new Float32Array(1), hz, 8000), RangeError);
    assert.throws(() => resample(new Float32Array(1), 8000, hz), RangeError);
  }
});

test("conversion of odd ratios adds nothing above -70 dB to a tone", () => {
  const fromHz = 44100;
  const output = resample(tone(1700, fromHz, fromHz), fromHz, 16000);
  assert.ok(restDb(output, 1700 * (1 - 1 / fromHz), 16000) < -70);
});
