import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Whisper } from "../../src/asr/whisper.ts";
import { normalizeEnglish } from "../../src/score/normalizer.ts";
import { wordErrorRate } from "../../src/score/wer.ts";
import { type Clip, clipsIn, samplesOf } from "./clips.ts";
import { loadedWhisper } from "./loaded-whisper.ts";

const SEARCH = { beam: 3 };

let whisper: Whisper;
before(async () => {
  whisper = await loadedWhisper();
});

const spoken = (clip: Clip, language = clip.language) => ({ pcm16k: samplesOf(clip), language });

test("a row of a batch gives the tokens that it gives alone, however long its neighbours are", async () => {
  const english = clipsIn("en");
  const clips = [english[0], english[25], english[10]] as Clip[];
  const together = await whisper.recognise(
    clips.map((clip) => spoken(clip)),
    SEARCH,
  );
  for (const [row, clip] of clips.entries()) {
    const [alone] = await whisper.recognise([spoken(clip)], SEARCH);
    assert.deepEqual(together[row]?.tokens, alone?.tokens, clip.id);
    assert.ok(Math.abs((together[row]?.logprob ?? 0) - (alone?.logprob ?? 1)) < 1e-3, clip.id);
  }
  const pairs = clips.map(({ text }, row) => ({ reference: text, hypothesis: together[row]?.text ?? "" }));
  const { wer } = wordErrorRate(pairs, normalizeEnglish);
  assert.ok(wer < 0.2, `word error rate ${wer}`);
});

test("the language is detected row by row", async () => {
  const clips = [clipsIn("es")[3], clipsIn("fr")[3], clipsIn("es")[4]] as Clip[];
  const recognitions = await whisper.recognise(
    clips.map((clip) => spoken(clip, "auto")),
    SEARCH,
  );
  assert.deepEqual(
    recognitions.map(({ language }) => language),
    ["es", "fr", "es"],
  );
  const [spanish] = await whisper.recognise([spoken(clips[0] as Clip)], SEARCH);
  assert.deepEqual(recognitions[0]?.tokens, spanish?.tokens);
});

test("silence is told from speech by the probability of no speech", async () => {
  const [silence] = await whisper.recognise([{ pcm16k: new Float32Array(32_000), language: "en" }], SEARCH);
  const [speech] = await whisper.recognise([spoken(clipsIn("en")[20] as Clip)], SEARCH);
  assert.ok((silence?.noSpeech ?? 0) > (speech?.noSpeech ?? 1), `${silence?.noSpeech} ${speech?.noSpeech}`);
  assert.ok((speech?.logprob ?? -9) > -1 && (speech?.logprob ?? 1) <= 0);
});

test("utterances of two languages in one batch are a fault of the caller", async () => {
  const pcm16k = new Float32Array(16_000);
  await assert.rejects(
    whisper.recognise(
      [
        { pcm16k, language: "en" },
        { pcm16k, language: "es" },
      ],
      SEARCH,
    ),
    RangeError,
  );
});
