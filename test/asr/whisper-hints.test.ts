import assert from "node:assert/strict";
import { before, test } from "node:test";
import { asHints } from "../../src/asr/hints.ts";
import type { Whisper } from "../../src/asr/whisper.ts";
import { CLIPS, type Clip, samplesOf } from "./clips.ts";
import { loadedWhisper } from "./loaded-whisper.ts";

/** Heard as "Weasels have even our phone system." */
const WEASELS = CLIPS.find(({ id }) => id === "asterisk-en-tt-weasels") as Clip;
const pcm16k = samplesOf(WEASELS);
const OTHERS = ["Wolverhampton", "Delmonico", "Stuttgart", "phones", "San Francisco", "Weber"];

let whisper: Whisper;
before(async () => {
  whisper = await loadedWhisper();
});

async function textOf(hints: readonly string[], beam: number, language = "en"): Promise<string> {
  const [result] = await whisper.recognise([{ pcm16k, language, hints: asHints(hints) }], { beam });
  return result?.text ?? "";
}

for (const beam of [1, 3]) {
  test(`a phrase that was misheard is heard when it is hinted, with beam ${beam}`, async () => {
    assert.doesNotMatch(await textOf([], beam), /eaten/);
    assert.match(await textOf(["eaten our phone"], beam), /have eaten our phone system/);
    assert.match(await textOf([...OTHERS, "eaten our phone"], beam), /have eaten our phone system/);
    assert.match(await textOf(["eaten our phone"], beam, "auto"), /have eaten our phone system/);
  });

  test(`hints that nobody said change nothing, with beam ${beam}`, async () => {
    assert.equal(await textOf(OTHERS, beam), await textOf([], beam));
  });
}

test("a batch shares its hints", async () => {
  const hints = asHints(["eaten our phone"]);
  const rows = [pcm16k, pcm16k.subarray(0, 16_000)].map((samples) => ({
    pcm16k: samples,
    language: "en",
    hints,
  }));
  const results = await whisper.recognise(rows, { beam: 3 });
  assert.match(results[0]?.text ?? "", /eaten/);
  const mixed = [rows[0], { pcm16k, language: "en" }] as typeof rows;
  await assert.rejects(whisper.recognise(mixed, { beam: 1 }), /one list of hints/);
});

test("what is short enough for an answer is searched alike beside something longer", async () => {
  const hints = asHints(["eight", "four", "two"]);
  const rows = [19_200, 19_201, 17_000].map((length) => ({
    pcm16k: pcm16k.subarray(0, length),
    language: "en",
    hints,
  }));
  const together = await whisper.recognise(rows, { beam: 3 });
  for (const [index, row] of rows.entries()) {
    const [alone] = await whisper.recognise([row], { beam: 3 });
    assert.deepEqual(together[index]?.tokens, alone?.tokens);
  }
});

test("a thousand long hints of any script are searched with", async () => {
  const many = Array.from({ length: 1000 }, (_, n) => `${n} ${"東京 Łódź 🙂 ".repeat(8)}`);
  assert.equal(await textOf(many, 1), await textOf([], 1));
});
