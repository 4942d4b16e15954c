import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Tokenizer } from "@huggingface/tokenizers";
import fc from "fast-check";
import { splitWords } from "../../src/asr/words.ts";
import { MODEL } from "./clips.ts";

const tokenizer = new Tokenizer(JSON.parse(readFileSync(MODEL.tokenizerPath, "utf8")), {
  clean_up_tokenization_spaces: false,
});
const decode = (tokens: readonly number[]) =>
  tokens.length === 0 ? "" : tokenizer.decode([...tokens], { skip_special_tokens: true });
const encode = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids;
const wordsOf = (text: string, language: string) =>
  splitWords(encode(text), decode, language).map((word) => word.text);

test("words are what stands between spaces, punctuation included", () => {
  assert.deepEqual(wordsOf(" Hello, well-known Mr. O'Neill: it's 3.5 (or 4)!", "en"), [
    "Hello,",
    "well-known",
    "Mr.",
    "O'Neill:",
    "it's",
    "3.5",
    "(or",
    "4)!",
  ]);
  assert.deepEqual(wordsOf(" ¿ Qué ? - No . . .", "es"), ["¿ Qué ?", "- No . . ."]);
  assert.deepEqual(wordsOf(" Привет, это почта.", "ru"), ["Привет,", "это", "почта."]);
  assert.deepEqual(wordsOf("", "en"), []);
  assert.deepEqual(wordsOf("  ", "en"), []);
});

test("a language without spaces has words by tokens that end with a character", () => {
  assert.deepEqual(wordsOf("我們今天下午開會。", "zh"), ["我們", "今天", "下", "午", "開", "會。"]);
  assert.deepEqual(wordsOf("「𠮷野家」へ", "ja").join(""), "「𠮷野家」へ");
  assert.deepEqual(wordsOf("안녕하세요 여러분", "ko"), ["안녕하세요", "여러분"]);
});

test("bytes that never become a character are kept, and delay nothing", () => {
  const [half] = encode("𠮷") as [number];
  const words = splitWords([half, ...encode(" one two"), half], decode, "en");
  assert.deepEqual(
    words.map(({ text }) => text),
    ["\uFFFD", "one", "two\uFFFD"],
  );
});

test("a character after bytes that never become one is whole, whichever token it begins in", () => {
  // A byte that is no character and the first of three bytes, then the other two and a byte that is no character.
  const tokens = [17_058, 6_587];
  assert.equal(decode(tokens), "\uFFFD싯\uFFFD");
  assert.deepEqual(splitWords([...tokens, ...encode(" one")], decode, "en"), [
    { text: "\uFFFD싯\uFFFD", first: 0, end: 2 },
    { text: "one", first: 2, end: 3 },
  ]);
});

test("whatever tokens come, words have all of them once and in order, and are the text", () => {
  const tokens = fc.array(fc.integer({ min: 0, max: 50_256 }), { maxLength: 30 });
  const texts = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => encode(text));
  const language = fc.constantFrom("en", "zh", "ar");
  fc.assert(
    fc.property(fc.oneof(tokens, texts), language, (ids, code) => {
      const words = splitWords(ids, decode, code);
      const squeezed = (text: string) => text.replace(/[\s\uFFFD]/gu, "");
      assert.equal(squeezed(words.map(({ text }) => text).join("")), squeezed(decode(ids)));
      for (const [index, { text, first, end }] of words.entries()) {
        assert.equal(text, text.trim());
        assert.notEqual(text, "");
        assert.ok(first < end);
        const before = words[index - 1];
        if (before) assert.equal(first, before.end);
      }
    }),
    { numRuns: 300 },
  );
});

test("in a language with spaces, words joined by spaces are the text", () => {
  const word = fc.stringMatching(/^[A-Za-zäé0-9]{1,8}[,.!?]?$/);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (words) => {
      assert.equal(wordsOf(` ${words.join(" ")}`, "en").join(" "), words.join(" "));
    }),
  );
});
