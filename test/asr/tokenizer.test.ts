import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Tokenizer } from "@huggingface/tokenizers";
import { loadTokenizer } from "../../src/asr/tokenizer.ts";
import { MODEL } from "./clips.ts";

const json = JSON.parse(readFileSync(MODEL.tokenizerPath, "utf8"));
const decoder = loadTokenizer(MODEL.tokenizerPath);

const TEXTS = [
  "Déjà vu, ça m'étonne où l'âme naît.",
  "¿Dónde está el niño?",
  "我們今天下午開會。",
  "こんにちは、電話をありがとう。",
  "안녕하세요",
  "Привет, это почта.",
  "🙂 naïve façade 🎧",
];

/** GPT-2's alphabet: each byte as one visible character. */
function letterOf(byte: number): string {
  const visible = (value: number) =>
    (value >= 33 && value <= 126) || (value >= 161 && value <= 172) || value >= 174;
  if (visible(byte)) return String.fromCodePoint(byte);
  const before = Array.from({ length: byte }, (_, value) => value).filter((value) => !visible(value)).length;
  return String.fromCodePoint(256 + before);
}

test("text of any script comes back whole from the tokens that the library makes of it", () => {
  const tokenizer = new Tokenizer(json, {});
  for (const text of TEXTS) {
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    assert.equal(decoder.decode(ids), text);
  }
});

test("a character whose bytes are spread over several tokens is put together", () => {
  for (const text of TEXTS) {
    const ids = [...Buffer.from(text)].map((byte) => json.model.vocab[letterOf(byte)] as number);
    assert.ok(ids.every(Number.isInteger));
    assert.equal(decoder.decode(ids), text);
  }
});

test("half a character becomes a replacement character, and special tokens become nothing", () => {
  const [first] = [...Buffer.from("é")].map((byte) => json.model.vocab[letterOf(byte)] as number);
  assert.equal(decoder.decode([first as number]), "\u{fffd}");
  assert.equal(decoder.decode([50258, 50259, 50359, 50363, 50257]), "");
  assert.equal(decoder.decode([]), "");
});

test("a tokenizer that is missing or broken is an error with its code", (t) => {
  assert.throws(() => loadTokenizer("/nowhere/tokenizer.json"), { code: "MODEL_MISSING" });
  const file = path.join(tmpdir(), `linescribe-tokenizer-${process.pid}.json`);
  t.after(() => rmSync(file));
  for (const content of ["{", "{}"]) {
    writeFileSync(file, content);
    assert.throws(() => loadTokenizer(file), { code: "MODEL_ALTERED" });
  }
});
