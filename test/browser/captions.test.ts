import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as browser from "../../src/browser/captions.js";
import { type CaptionSource, cuesOf } from "../../src/captions/cue.ts";
import { asSrt } from "../../src/captions/srt.ts";
import { asVtt } from "../../src/captions/vtt.ts";

const text = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "a",
    "and so on",
    "<b>",
    "-->",
    "a & b",
    "line\nbreak",
    "\u2028",
    "x".repeat(50),
    "Grüße,",
    "3.14",
  ),
);
const ms = fc.double({ min: 0, max: 5_000_000, noNaN: true });
const timed = fc.record({ text, startMs: ms, endMs: ms });
const source = fc.record({ text, startMs: ms, endMs: ms, words: fc.array(timed, { maxLength: 30 }) });

test("captions of the browser are those of the server, whatever is said", () => {
  fc.assert(
    fc.property(fc.array(source, { maxLength: 6 }), (sources: CaptionSource[]) => {
      const cues = cuesOf(sources);
      assert.deepEqual(browser.cuesOf(sources), cues);
      assert.equal(browser.asSrt(cues), asSrt(cues));
      assert.equal(browser.asVtt(cues), asVtt(cues));
    }),
  );
});
