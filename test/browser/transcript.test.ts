import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type FinalLine, piecesOf, shortClock, Transcript } from "../../src/browser/transcript.js";

function line(text: string, startMs: number, confidences: number[] = []): FinalLine {
  const words = text.split(" ").map((word, index) => ({
    text: word,
    startMs: startMs + index * 300,
    endMs: startMs + index * 300 + 250,
    confidence: confidences[index] ?? 0.9,
  }));
  const endMs = startMs + words.length * 300;
  return { kind: "final", text, startMs, endMs, delayMs: 900, language: "en", confidence: 0.9, words };
}

test("the files have every line, with its times, in their format", () => {
  const transcript = new Transcript();
  transcript.startedAt = Date.UTC(2026, 10, 23, 9, 30);
  transcript.add(line("Hello & <welcome>.", 1000));
  transcript.add({ kind: "gap", startMs: 2000, endMs: 3000, cause: "offline" });
  transcript.add(line("Goodbye.", 4000));
  const texts = Object.fromEntries(
    (["txt", "srt", "vtt", "json"] as const).map((kind) => [kind, transcript.file(kind).text]),
  );
  assert.equal(texts.txt, "Hello & <welcome>.\nGoodbye.\n");
  assert.match(
    texts.srt ?? "",
    /^1\n00:00:01,000 --> 00:00:01,850\nHello & ‹welcome›\.\n\n2\n00:00:04,000 --> /,
  );
  assert.match(
    texts.vtt ?? "",
    /^WEBVTT\n\n00:00:01\.000 --> 00:00:01\.850\nHello &amp; &lt;welcome&gt;\.\n/,
  );
  const json = JSON.parse(texts.json ?? "");
  assert.equal(json.startedAt, "2026-11-23T09:30:00.000Z");
  assert.equal(json.text, "Hello & <welcome>. Goodbye.");
  assert.deepEqual([json.finals.length, json.gaps.length], [2, 1]);
  assert.equal(transcript.file("srt").name, "transcript-2026-11-23T09-30-00.srt");
});

test("a line in pieces is the line, letter by letter, and doubtful words are their own", () => {
  assert.deepEqual(piecesOf(line("Is it this, or this?", 0, [1, 1, 0.2, 1, 0.4])), [
    { text: "Is it ", confidence: null },
    { text: "this,", confidence: 0.2 },
    { text: " or ", confidence: null },
    { text: "this?", confidence: 0.4 },
  ]);
  const confidence = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.string(), fc.array(fc.tuple(fc.string(), confidence)), (text, words) => {
      const odd = {
        ...line(text, 0),
        words: words.map(([word, value]) => ({ text: word, startMs: 0, endMs: 0, confidence: value })),
      };
      assert.equal(
        piecesOf(odd)
          .map((piece) => piece.text)
          .join(""),
        text,
      );
    }),
  );
});

test("times are as short as they can be", () => {
  const times = [0, 999, 61_000, 600_000, 3_723_000].map(shortClock);
  assert.deepEqual(times, ["0:00", "0:00", "1:01", "10:00", "1:02:03"]);
});
