import assert from "node:assert/strict";
import { test } from "node:test";
import { isInvented } from "../../src/call/invented.ts";

// Measured with whisper-base and the profile `phone`: [logprob, noSpeech, meanProbability].
const HEARD_IN_NOISE: Record<string, [number, number, number]> = {
  "hold music, Okay.": [-0.982, 0.7, 0.393],
  "hold music, you": [-0.969, 0.69, 0.163],
  "hold music, you again": [-0.993, 0.73, 0.435],
  "hold music, Bye.": [-1.153, 0.765, 0.214],
  "animals, We're gonna put them in half.": [-1.286, 0.45, 0.169],
  "animals, I'm sorry. I'm sorry.": [-1.189, 0.777, 0.218],
};
// What must stay: log-probabilities as low as speech had, with doubts that it need not have had.
const HEARD_IN_SPEECH: Record<string, [number, number, number]> = {
  "a likely word that was hardly heard": [-0.3, 0.8, 0.3],
  "speech over hold music at 0 dB": [-0.78, 0.19, 0.4],
  "improbable words in clear speech": [-0.85, 0.25, 0.9],
  "improbable words in speech over music": [-0.9, 0.5, 0.6],
};

const WORD = { text: "you", language: "en" };

test("improbable words are invented where either network hears no speech, and only there", () => {
  const invented = ([logprob, noSpeech, meanProbability]: [number, number, number]) =>
    isInvented({ ...WORD, logprob, noSpeech }, { meanProbability });
  for (const [what, measures] of Object.entries(HEARD_IN_NOISE)) assert.equal(invented(measures), true, what);
  for (const [what, measures] of Object.entries(HEARD_IN_SPEECH))
    assert.equal(invented(measures), false, what);
});

test("without a speech detector the recogniser decides", () => {
  assert.equal(isInvented({ ...WORD, logprob: -0.9, noSpeech: 0.7 }, {}), true);
  assert.equal(isInvented({ ...WORD, logprob: -0.9, noSpeech: 0.5 }, {}), false);
});

test("a loop in noise is invented, however likely it is in itself", () => {
  const loop = { text: "I'm sorry. I'm sorry. I'm sorry. I'm sorry.", language: "en", logprob: -0.2 };
  assert.equal(isInvented({ ...loop, noSpeech: 0.75 }, { meanProbability: 0.9 }), true);
  assert.equal(isInvented({ ...loop, noSpeech: 0.2 }, { meanProbability: 0.2 }), true);
  assert.equal(isInvented({ ...loop, noSpeech: 0.2 }, { meanProbability: 0.9 }), false);
});
