import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CaptionSource, cuesOf, lingering } from "../../src/captions/cue.ts";
import { asSrt } from "../../src/captions/srt.ts";
import { clockOf } from "../../src/captions/time.ts";
import { asVtt } from "../../src/captions/vtt.ts";

const words = (text: string, startMs = 0, eachMs = 300) =>
  text.split(" ").map((word, index) => ({
    text: word,
    startMs: startMs + index * eachMs,
    endMs: startMs + (index + 1) * eachMs,
  }));

function said(text: string, startMs = 0, eachMs = 300): CaptionSource {
  const timed = words(text, startMs, eachMs);
  return { text, startMs, endMs: timed.at(-1)?.endMs ?? startMs, words: timed };
}

test("times have two digits, milliseconds three, and a recording may be longer than four days", () => {
  assert.equal(clockOf(0, ","), "00:00:00,000");
  assert.equal(clockOf(3_723_004, ","), "01:02:03,004");
  assert.equal(clockOf(59_999.6, "."), "00:01:00.000");
  assert.equal(clockOf(100 * 3_600_000, "."), "100:00:00.000");
  assert.equal(clockOf(-5, "."), "00:00:00.000");
});

test("SubRip numbers its cues, WebVTT has a header, and both end each cue with an empty line", () => {
  const cues = cuesOf([said("Call me back.", 500), said("Thanks!", 5000)]);
  assert.equal(
    asSrt(cues),
    "1\n00:00:00,500 --> 00:00:01,400\nCall me back.\n\n2\n00:00:05,000 --> 00:00:05,300\nThanks!\n",
  );
  assert.equal(
    asVtt(cues),
    "WEBVTT\n\n00:00:00.500 --> 00:00:01.400\nCall me back.\n\n00:00:05.000 --> 00:00:05.300\nThanks!\n",
  );
});

test("without speech a SubRip file is empty and a WebVTT file is only its header", () => {
  assert.equal(asSrt([]), "");
  assert.equal(asVtt([]), "WEBVTT\n");
});

test("what is said cannot become markup, times or another cue", () => {
  const cues = cuesOf([
    {
      text: "",
      startMs: 0,
      endMs: 100,
      words: [{ text: "a\n\n00:00 --> 00:01\r<b>&\u2028x", startMs: 0, endMs: 100 }],
    },
  ]);
  assert.equal(cues.length, 1);
  assert.equal(asVtt(cues).match(/-->/g)?.length, 1);
  assert.equal(asSrt(cues).match(/-->/g)?.length, 1);
  assert.match(asVtt(cues), /a 00:00 --&gt; 00:01 &lt;b&gt;&amp; x/);
  assert.doesNotMatch(asSrt(cues), /[<]b/);
});

test("a long utterance is cut between words: two lines of 42 characters and seven seconds at most", () => {
  const cues = cuesOf([said(Array.from({ length: 60 }, (_, index) => `word${index}`).join(" "), 0, 400)]);
  assert.ok(cues.length > 3);
  for (const { startMs, endMs, lines } of cues) {
    assert.ok(endMs - startMs <= 7000);
    assert.ok(lines.length <= 2 && lines.every((line) => line.length <= 42), lines.join("|"));
  }
});

test("an utterance without words is one cue, and a word longer than a line is not torn", () => {
  const long = "x".repeat(60);
  const [cue, ...others] = cuesOf([{ text: `Hello ${long}  there`, startMs: 10, endMs: 10, words: [] }]);
  assert.deepEqual(others, []);
  assert.deepEqual(cue, { startMs: 10, endMs: 11, lines: ["Hello", long, "there"] });
});

test("whatever is said: every word is shown once and in order, and no cue ends before it begins", () => {
  const word = fc.record({
    text: fc.string({ unit: "grapheme", maxLength: 50 }),
    startMs: fc.integer({ min: -10, max: 1e6 }),
    lengthMs: fc.integer({ min: 0, max: 9000 }),
  });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), (drawn) => {
      const timed = drawn.map(({ text, startMs, lengthMs }) => ({
        text,
        startMs,
        endMs: startMs + lengthMs,
      }));
      const cues = cuesOf([{ text: "", startMs: 0, endMs: 0, words: timed }]);
      const shown = cues.flatMap(({ lines }) => lines).join(" ");
      const spoken = timed.map(({ text }) => text.replace(/[\p{Cc}\u2028\u2029\s]+/gu, " ").trim());
      assert.equal(shown, spoken.filter(Boolean).join(" "));
      for (const { startMs, endMs, lines } of cues) {
        assert.ok(startMs >= 0 && endMs > startMs);
        assert.ok(lines.length > 0 && lines.every((line) => line !== "" && !/[\r\n]/.test(line)));
      }
    }),
  );
});

test("who speaks is a voice of WebVTT and a name in SubRip, and takes room from the first line", () => {
  const speaker = "Ann <b>\n& Co";
  const text = `${"word ".repeat(12)}end`;
  const words = text
    .split(" ")
    .map((word, index) => ({ text: word, startMs: index * 100, endMs: index * 100 + 90 }));
  const cues = cuesOf([
    { text, startMs: 0, endMs: 1300, words, speaker },
    { text: "yes", startMs: 200, endMs: 400, words: [], speaker: "\n" },
  ]);
  const first = cues[0] as (typeof cues)[0];
  assert.equal(first.speaker, "Ann <b> & Co");
  assert.ok(`${first.speaker}: ${first.lines[0]}`.length <= 42, first.lines[0]);
  assert.ok((first.lines[1] ?? "").length > 42 - first.speaker.length - 2);
  assert.match(asVtt(cues), /^<v Ann &lt;b&gt; &amp; Co>word/m);
  assert.match(asSrt(cues), /^Ann \u2039b\u203a & Co: word/m);
  assert.match(asVtt(cues), /\nyes\n/);
});

test("a cue that would be gone too soon lingers for a second, or until the same speaker goes on", () => {
  const cue = (startMs: number, endMs: number, speaker: string) => ({
    startMs,
    endMs,
    lines: ["x"],
    speaker,
  });
  const cues = [cue(0, 100, "a"), cue(50, 90, "b"), cue(400, 2000, "a"), cue(1100, 1200, "a")];
  assert.deepEqual(
    lingering(cues).map(({ startMs, endMs }) => [startMs, endMs]),
    [
      [0, 400],
      [50, 1050],
      [400, 2000],
      [1100, 2100],
    ],
  );
  assert.deepEqual(lingering([]), []);
});
