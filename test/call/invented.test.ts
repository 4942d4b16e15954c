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

const WORD = { text: "you", language: "en", words: [] };

// [meanProbability, noSpeech, logprob, confidence of each word].
const HALF_BELIEVED: Record<string, [number, number, number, number[]]> = {
  "a cough, Thank you.": [0.67, 0.42, -0.85, [0.08, 0.92]],
  "a cough with a voiced end, Thank you.": [0.77, 0.44, -0.95, [0.05, 0.91]],
  "a cough, Ah.": [0.81, 0.39, -1.37, [0.07]],
  "a throat cleared, Uh oh.": [0.72, 0.54, -1.1, [0.26, 0.4]],
  "hold music, Thank you.": [0.39, 0.44, -0.77, [0.12, 0.9]],
};
const SAID: Record<string, [number, number, number, number[]]> = {
  "a digit, 6": [0.75, 0.43, -0.8, [0.61]],
  "another, 6": [0.81, 0.18, -0.93, [0.43]],
  "a name, Hedge offense": [0.58, 0.12, -0.61, [0.92, 0.48]],
  "a word of clear speech that was misheard": [0.91, 0.24, -1.75, [0.09]],
};

test("improbable words are invented where either network hears no speech, and only there", () => {
  const invented = ([logprob, noSpeech, meanProbability]: [number, number, number]) =>
    isInvented({ ...WORD, logprob, noSpeech }, { meanProbability });
  for (const [what, measures] of Object.entries(HEARD_IN_NOISE)) assert.equal(invented(measures), true, what);
  for (const [what, measures] of Object.entries(HEARD_IN_SPEECH))
    assert.equal(invented(measures), false, what);
});

test("words that are hardly certain are invented where the detector half believes in speech", () => {
  const invented = ([meanProbability, noSpeech, logprob, confidences]: [
    number,
    number,
    number,
    number[],
  ]) => {
    const words = confidences.map((confidence) => ({ word: "you", startMs: 0, endMs: 100, confidence }));
    return isInvented({ ...WORD, words, logprob, noSpeech }, { meanProbability });
  };
  for (const [what, measures] of Object.entries(HALF_BELIEVED)) assert.equal(invented(measures), true, what);
  for (const [what, measures] of Object.entries(SAID)) assert.equal(invented(measures), false, what);
});

test("without a speech detector the recogniser decides", () => {
  assert.equal(isInvented({ ...WORD, logprob: -0.9, noSpeech: 0.7 }, {}), true);
  assert.equal(isInvented({ ...WORD, logprob: -0.9, noSpeech: 0.5 }, {}), false);
});

test("a loop in noise is invented, however likely it is in itself", () => {
  const loop = {
    text: "I'm sorry. I'm sorry. I'm sorry. I'm sorry.",
    language: "en",
    words: [],
    logprob: -0.2,
  };
  assert.equal(isInvented({ ...loop, noSpeech: 0.75 }, { meanProbability: 0.9 }), true);
  assert.equal(isInvented({ ...loop, noSpeech: 0.2 }, { meanProbability: 0.2 }), true);
  assert.equal(isInvented({ ...loop, noSpeech: 0.2 }, { meanProbability: 0.9 }), false);
});
