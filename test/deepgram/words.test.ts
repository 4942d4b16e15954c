import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { describeError, errCodeOf } from "../../src/deepgram/error.ts";
import { modelFacts } from "../../src/deepgram/model.ts";
import { alternativeOf, bareText, bareWord } from "../../src/deepgram/words.ts";
import { ApiError, badOption } from "../../src/http/api-error.ts";

const SPOKEN = {
  text: "Hi, it's 5% of $3.50.",
  language: "en",
  confidence: 0.9,
  words: ["Hi,", "it's", "5%", "of", "$3.50."].map((word, index) => ({
    word,
    startMs: 100 * index,
    endMs: 100 * index + 90,
    confidence: 0.8,
  })),
};

test("without punctuation the text is lower case, and so are its words", () => {
  const bare = alternativeOf(SPOKEN, { punctuated: false, detectLanguage: false });
  assert.equal(bare.transcript, "hi it's 5% of $3.50");
  assert.deepEqual(bare.words[0], { word: "hi", start: 0, end: 0.09, confidence: 0.8 });
  assert.equal(bare.words.map(({ word }) => word).join(" "), bare.transcript);
});

test("with punctuation the words are written as in the text, beside the bare ones", () => {
  const written = alternativeOf(SPOKEN, { punctuated: true, detectLanguage: true });
  assert.equal(written.transcript, SPOKEN.text);
  assert.deepEqual(written.languages, ["en"]);
  assert.deepEqual(written.words[4], {
    word: "$3.50",
    punctuated_word: "$3.50.",
    start: 0.4,
    end: 0.49,
    confidence: 0.8,
    language: "en",
  });
});

test("languages without spaces, and letters of their own, keep theirs", () => {
  assert.equal(bareText("你好，世界。", "zh"), "你好世界");
  assert.equal(bareWord("¿Qué?", "es"), "qué");
  assert.equal(bareWord("IŞIK.", "tr"), "ışık");
  assert.equal(bareText("- Well - yes...", "en"), "well yes");
});

test("a bare text is the same when it is made bare again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const once = bareText(text, "en");
      assert.equal(bareText(once, "en"), once);
    }),
  );
});

test("a model has a UUID of its own that never changes", () => {
  assert.match(
    modelFacts("whisper-base").uuid,
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.equal(modelFacts("a").uuid, modelFacts("a").uuid);
  assert.notEqual(modelFacts("a").uuid, modelFacts("b").uuid);
});

test("an error has a code of theirs, and no byte in a header that may not be there", () => {
  const error = badOption("näme\r\nx: y", "There is no option näme\r\nx: y");
  const { body, headers = {} } = describeError(error, "id");
  assert.deepEqual(body, { err_code: "INVALID_QUERY_PARAMETER", err_msg: error.message, request_id: "id" });
  assert.match(headers["dg-error"] ?? "", /^[ -~]+$/);
  assert.equal(headers["dg-request-id"], "id");
  const code = (status: number) => errCodeOf(new ApiError(status, "REQUEST_FAILED", ""));
  assert.deepEqual([401, 403, 413, 429, 500, 418].map(code), [
    "INVALID_AUTH",
    "INSUFFICIENT_PERMISSIONS",
    "PAYLOAD_TOO_LARGE",
    "TOO_MANY_REQUESTS",
    "INTERNAL_SERVER_ERROR",
    "INTERNAL_SERVER_ERROR",
  ]);
});
