import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { LiveLine, table } from "../../src/cli/terminal.ts";
import { columnsOf, endOf, padEnd, printable, wrap } from "../../src/cli/terminal-text.ts";

const JAPANESE = "ご予約は明日の午後三時でよろしいでしょうか。";
const KOREAN = "예약은 내일 오후 세 시입니다.";
const HEBREW = "התור שלך מחר בשעה שלוש.";
const ARABIC = "موعدك غدًا الساعة الثالثة.";
/** One sign of Devanagari of three code points, a family of five, and a letter with its accent apart. */
const CLUSTERS = "क्षि 👨‍👩‍👧 é";

test("a text is as wide as a terminal shows it", () => {
  assert.equal(columnsOf("abc"), 3);
  assert.equal(columnsOf(JAPANESE), 2 * 22);
  assert.equal(columnsOf("예약은 A"), 3 * 2 + 2);
  assert.equal(columnsOf(HEBREW), HEBREW.length);
  // One mark stands above the letter before it.
  assert.equal(columnsOf("غدًا"), 3);
  assert.equal(columnsOf("👨‍👩‍👧 é"), 2 + 1 + 1);
});

test("lines are no wider than asked for, and hold every sign of the text, unbroken and in order", () => {
  const texts = fc.array(
    fc.constantFrom("hello", JAPANESE, KOREAN, HEBREW, ARABIC, CLUSTERS, "x".repeat(50)),
  );
  fc.assert(
    fc.property(texts, fc.integer({ min: 2, max: 40 }), (words, columns) => {
      const text = words.join(" ");
      const lines = wrap(text, columns);
      for (const line of lines) assert.ok(columnsOf(line) <= columns, `"${line}" is wider than ${columns}`);
      const without = (value: string) => value.replaceAll(" ", "");
      assert.equal(without(lines.join("")), without(text));
      const signs = new Set(Array.from(new Intl.Segmenter().segment(`${text} `), ({ segment }) => segment));
      for (const { segment } of new Intl.Segmenter().segment(lines.join(" "))) assert.ok(signs.has(segment));
    }),
  );
});

test("words are not broken where a line has room for them", () => {
  assert.deepEqual(wrap(HEBREW, 12), ["התור שלך מחר", "בשעה שלוש."]);
  assert.deepEqual(wrap(JAPANESE, 20), ["ご予約は明日の午後三", "時でよろしいでしょう", "か。"]);
  assert.deepEqual(wrap("", 10), [""]);
});

test("the end of a text is cut between signs", () => {
  assert.equal(endOf(JAPANESE, 5), "か。");
  assert.equal(endOf("a👨‍👩‍👧", 2), "👨‍👩‍👧");
  assert.equal(endOf("a👨‍👩‍👧", 1), "");
  assert.equal(endOf(ARABIC, 100), ARABIC);
});

test("columns of a table stand below each other in any script", () => {
  const [first, second] = table([
    [JAPANESE, "1"],
    ["abc", "2"],
  ]).split("\n") as [string, string];
  assert.equal(columnsOf(first), columnsOf(second));
  assert.equal(padEnd("時", 4), "時  ");
});

test("the live line stays in one line, however wide its text", () => {
  const written: string[] = [];
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 30 });
  output.on("data", (chunk) => written.push(String(chunk)));
  new LiveLine(output as unknown as NodeJS.WriteStream).show("0:01.0 inbound: ", JAPANESE);
  const [line] = written as [string];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminal's own codes are no text
  const shown = line.replace(/\u001b\[\d+[mK]|\r/g, "");
  assert.match(shown, /\.\.\..*か。$/);
  assert.ok(columnsOf(shown) < 30, shown);
});

test("what a terminal would obey is not printed", () => {
  assert.equal(printable("a\u001b[2Jb\r\nc\u202ed\u2066e"), "a [2Jb c d e");
  for (const text of [JAPANESE, KOREAN, HEBREW, ARABIC, CLUSTERS]) assert.equal(printable(text), text);
});
