import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  basicNormalize,
  normalizeEnglish,
  normalizerFor,
  normalizeSpelling,
} from "../../src/score/normalizer.ts";
import { normalizeNumbers } from "../../src/score/numbers.ts";

/** The published cases of openai/whisper, tests/test_normalizer.py (MIT). */
const NUMBERS: [spoken: string, written: string][] = [
  ["two", "2"],
  ["thirty one", "31"],
  ["five twenty four", "524"],
  ["nineteen ninety nine", "1999"],
  ["twenty nineteen", "2019"],
  ["two point five million", "2500000"],
  ["four point two billions", "4200000000s"],
  ["200 thousand", "200000"],
  ["200 thousand dollars", "$200000"],
  ["$20 million", "$20000000"],
  ["€52.4 million", "€52400000"],
  ["£77 thousands", "£77000s"],
  ["two double o eight", "2008"],
  ["three thousand twenty nine", "3029"],
  ["forty three thousand two hundred sixty", "43260"],
  ["forty three thousand two hundred and sixty", "43260"],
  ["nineteen fifties", "1950s"],
  ["thirty first", "31st"],
  ["thirty three thousand and three hundred and thirty third", "33333rd"],
  ["three billion", "3000000000"],
  ["millions", "1000000s"],
  ["july third twenty twenty", "july 3rd 2020"],
  ["august twenty sixth twenty twenty one", "august 26th 2021"],
  ["3 14", "3 14"],
  ["3.14", "3.14"],
  ["3 point 2", "3.2"],
  ["3 point 14", "3.14"],
  ["fourteen point 4", "14.4"],
  ["two point two five dollars", "$2.25"],
  ["two hundred million dollars", "$200000000"],
  ["$20.1 million", "$20100000"],
  ["ninety percent", "90%"],
  ["seventy six per cent", "76%"],
  ["double oh seven", "007"],
  ["double zero seven", "007"],
  ["nine one one", "911"],
  ["nine double one", "911"],
  ["one triple oh one", "10001"],
  ["two thousandth", "2000th"],
  ["thirty two thousandth", "32000th"],
  ["minus 500", "-500"],
  ["positive twenty thousand", "+20000"],
  ["two dollars and seventy cents", "$2.70"],
  ["3 cents", "¢3"],
  ["$0.36", "¢36"],
  ["three euros and sixty five cents", "€3.65"],
  ["three and a half million", "3500000"],
  ["forty eight and a half dollars", "$48.5"],
  ["b747", "b 747"],
  ["10 th", "10th"],
  ["10th", "10th"],
];

/** Further cases, with what the Python implementation gives for them. */
const MORE_NUMBERS: [spoken: string, written: string][] = [
  ["", ""],
  ["one", "one"],
  ["ones", "ones"],
  ["five decillion", "5000000000000000000000000000000000"],
  ["zero point zero zero one", "0.001"],
  ["point five", ".5"],
  ["point hundred", "100"],
  ["one point two three thousand", "1230"],
  ["one point two three four five thousand", "one.2345 1000"],
  ["nineteen oh five", "1905"],
  ["and seven", "and 7"],
  ["seven and eight", "7 and 8"],
  ["six per person", "6 per person"],
  ["a dollar", "a dollar"],
  ["plus size", "plus size"],
  ["double trouble", "double trouble"],
  ["house and a half", "house and a half"],
];

test("the published number cases hold for the number normaliser", () => {
  for (const [spoken, written] of [...NUMBERS, ...MORE_NUMBERS]) {
    assert.equal(normalizeNumbers(spoken), written, spoken);
  }
});

test("the published number cases hold for the whole normaliser", () => {
  for (const [spoken, written] of NUMBERS) assert.equal(normalizeEnglish(spoken), written, spoken);
});

test("the published spelling cases hold", () => {
  assert.equal(normalizeSpelling("mobilisation"), "mobilization");
  assert.equal(normalizeSpelling("cancelation"), "cancellation");
});

test("the published text cases hold", () => {
  assert.equal(normalizeEnglish("Let's"), "let us");
  assert.equal(normalizeEnglish("he's like"), "he is like");
  assert.equal(normalizeEnglish("she's been like"), "she has been like");
  assert.equal(normalizeEnglish("10km"), "10 km");
  assert.equal(normalizeEnglish("10mm"), "10 mm");
  assert.equal(normalizeEnglish("RC232"), "rc 232");
  assert.equal(
    normalizeEnglish("Mr. Park visited Assoc. Prof. Kim Jr."),
    "mister park visited associate professor kim junior",
  );
});

test("hesitations, brackets and thousands separators go, letters inside accented words stay", () => {
  assert.equal(normalizeEnglish("Um, [noise] 1,234 (laughs) colours"), "1234 colors");
  // With JavaScript's own \b, the "st" after "é" would be a word and become "saint".
  assert.equal(normalizeEnglish("est ést"), "est est");
});

test("other languages keep their accents and lose symbols", () => {
  assert.equal(basicNormalize("¡Número, el más GRANDE! (ruido)"), " número el más grande ");
  assert.equal(basicNormalize("Введите номер — и нажмите."), "введите номер и нажмите ");
  assert.equal(basicNormalize("ﬁn [x]"), "fin ");
});

test("a language code chooses its normaliser", () => {
  assert.equal(normalizerFor("en-US"), normalizeEnglish);
  assert.equal(normalizerFor("en"), normalizeEnglish);
  assert.equal(normalizerFor("es"), basicNormalize);
  assert.equal(normalizerFor("enm"), basicNormalize);
});

test("the speech clips of the fixtures survive normalising", async () => {
  const { readFileSync } = await import("node:fs");
  const manifest = fileURLToPath(new URL("../../fixtures/speech/manifest.jsonl", import.meta.url));
  const lines = readFileSync(manifest, "utf8").trim().split("\n");
  assert.ok(lines.length >= 70);
  for (const line of lines) {
    const { language, text } = JSON.parse(line) as { language: string; text: string };
    const normal = normalizerFor(language)(text);
    assert.match(normal, /^[\p{L}\p{N} ']+$/u);
    assert.equal(normalizerFor(language)(normal), normal, "normalising twice changes nothing");
  }
});
