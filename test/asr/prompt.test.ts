import assert from "node:assert/strict";
import { test } from "node:test";
import { createBiases } from "../../src/asr/bias.ts";
import { isMultilingual, startTokens, whisperLanguage } from "../../src/asr/language.ts";
import { readWhisperMetadata, type WhisperMetadata } from "../../src/asr/metadata.ts";
import { FULL_PAD_SAMPLES, maximumTokens, windowSamples } from "../../src/asr/window.ts";
import { MODEL } from "./clips.ts";

const base = await readWhisperMetadata(MODEL.modelPath);
/** As an export of whisper-base.en describes itself: no languages, no tasks, other ids. */
const english: WhisperMetadata = {
  ...base,
  languages: {},
  tokens: { ...base.tokens, transcribe: null, translate: null, startOfTranscript: 50257, endOfText: 50256 },
};

test("a tag is reduced to a language of the model, and an unknown one to null", () => {
  assert.equal(whisperLanguage(base, "en-US"), "en");
  assert.equal(whisperLanguage(base, "PT_br"), "pt");
  assert.equal(whisperLanguage(base, "auto"), "auto");
  assert.equal(whisperLanguage(base, "tlh"), null);
  assert.equal(whisperLanguage(base, "constructor"), null);
  assert.equal(whisperLanguage(base, ""), null);
});

test("a model without languages takes English, and takes auto for it", () => {
  assert.equal(isMultilingual(english), false);
  assert.equal(whisperLanguage(english, "en-GB"), "en");
  assert.equal(whisperLanguage(english, "auto"), "en");
  assert.equal(whisperLanguage(english, "es"), null);
  assert.deepEqual(startTokens(english, "en"), [50257, 50363]);
});

test("a transcription starts with language, task and no timestamps", () => {
  assert.deepEqual(startTokens(base, "en"), [50258, 50259, 50359, 50363]);
  assert.throws(() => startTokens(base, "auto"), RangeError);
});

test("nothing behind end-of-text can be said, and neither a blank nor the end comes first", () => {
  const { every, first, language } = createBiases(base);
  const allowed = (mask: Float32Array, token: number) => mask[token] === 0;
  assert.ok(allowed(every, base.tokens.endOfText));
  assert.ok(every.subarray(base.tokens.endOfText + 1).every((value) => value < -1e8));
  assert.ok(base.suppress.every((token) => !allowed(every, token) && !allowed(first, token)));
  assert.ok(!allowed(first, 220) && allowed(every, 220));
  assert.ok(!allowed(first, base.tokens.endOfText));
  assert.equal(language.filter((value) => value === 0).length, 99);
});

test("the window holds the utterance and its padding in whole blocks of the tail, up to 30 s", () => {
  const step = 320 * base.tailPool;
  assert.equal(windowSamples(1, base.tailPool) % step, 0);
  assert.ok(windowSamples(1, base.tailPool) >= 1.6 * 16_000);
  for (const samples of [16_000, 48_001, 300_000, 460_000]) {
    const window = windowSamples(samples, base.tailPool);
    assert.equal(window % step, 0);
    assert.ok(window >= samples + 8000 && window < samples + 8000 + step);
  }
  assert.ok(windowSamples(16_000, base.tailPool, 32_000) >= 48_000);
  assert.equal(windowSamples(16_000, base.tailPool, FULL_PAD_SAMPLES), 480_000);
  assert.equal(windowSamples(480_000, base.tailPool), 480_000);
  assert.equal(windowSamples(1, 0), 480_000);
  assert.throws(() => windowSamples(480_001, base.tailPool), RangeError);
});

test("how much may be said grows with the utterance and ends at Whisper's own limit", () => {
  assert.equal(maximumTokens(1600), 13);
  assert.equal(maximumTokens(16_000), 20);
  assert.equal(maximumTokens(480_000), 224);
});
