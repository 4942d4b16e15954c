import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { whisperLanguage } from "../../src/asr/language.ts";
import { readCommonMetadata, readOnnxProperties, readWhisperMetadata } from "../../src/asr/metadata.ts";
import { LinescribeError } from "../../src/base/error.ts";
import { findModel, readManifest, verifyModel } from "../../src/models/manifest.ts";
import { MODEL } from "./clips.ts";
import { onnxFile } from "./onnx-file.ts";

const folder = mkdtempSync(path.join(tmpdir(), "linescribe-metadata-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(bytes: Uint8Array): string {
  const file = path.join(folder, "model.onnx");
  writeFileSync(file, bytes);
  return file;
}

test("the committed Whisper has the sha256 of its manifest", async () => {
  await verifyModel(findModel(readManifest(), "whisper-base"));
});

test("the committed Whisper says of itself what is known of whisper-base", async () => {
  const metadata = await readWhisperMetadata(MODEL.modelPath);
  assert.equal(metadata.melBands, 80);
  assert.equal(metadata.vocabulary, 51865);
  assert.equal(metadata.sourcePositions, 1500);
  assert.equal(metadata.targetPositions, 448);
  assert.equal(metadata.licence, "MIT");
  assert.equal(Object.keys(metadata.languages).length, 99);
  // The ids that OpenAI's tokenizer gives the multilingual models.
  assert.deepEqual(metadata.tokens, {
    startOfTranscript: 50258,
    endOfText: 50257,
    noSpeech: 50362,
    noTimestamps: 50363,
    startOfPrevious: 50361,
    transcribe: 50359,
    translate: 50358,
  });
  assert.equal(metadata.languages.en, 50259);
  assert.ok(metadata.suppressAtBegin.includes(220) && metadata.suppressAtBegin.includes(50257));
});

test("properties are found behind the graph, whatever is in them", async () => {
  const properties = { model: "whisper-räksmörgås", empty: "", long: "x".repeat(70_000) };
  assert.deepEqual(await readOnnxProperties(fileOf(onnxFile(properties))), properties);
});

test("a language is known if the models for cards and for processors both know it", async () => {
  const properties = await readOnnxProperties(MODEL.modelPath);
  const write = (name: string, languages: Record<string, number>) => {
    const file = path.join(folder, name);
    writeFileSync(file, onnxFile({ ...properties, languages: JSON.stringify(languages) }));
    return file;
  };
  const large = write("large.onnx", { en: 1, de: 2, yue: 3 });
  const base = write("base.onnx", { en: 4, de: 5 });
  const english = write("english.onnx", {});
  const known = async (cards: string, processor: string) => {
    const metadata = await readCommonMetadata(cards, processor);
    return ["en", "de", "yue", "auto"].map((tag) => whisperLanguage(metadata, tag));
  };
  assert.deepEqual(await known(large, large), ["en", "de", "yue", "auto"]);
  assert.deepEqual(await known(large, base), ["en", "de", null, "auto"]);
  assert.deepEqual(await known(large, english), ["en", null, null, "en"]);
  assert.deepEqual(await known(english, base), ["en", null, null, "en"]);
  assert.deepEqual((await readCommonMetadata(large, base)).languages, { en: 1, de: 2 });
});

test("a file that is missing, is no ONNX, is cut short or says nothing of itself is an error with its code", async () => {
  const properties = await readOnnxProperties(MODEL.modelPath);
  const rejects = async (bytes: Uint8Array, message: RegExp) =>
    assert.rejects(readWhisperMetadata(fileOf(bytes)), { code: "MODEL_ALTERED", message });
  await assert.rejects(readWhisperMetadata(path.join(folder, "none.onnx")), { code: "MODEL_MISSING" });
  await assert.rejects(readWhisperMetadata(folder), { code: "MODEL_ALTERED" });
  await rejects(Buffer.from("<!DOCTYPE html><html>"), /is not an ONNX file/);
  await rejects(onnxFile(properties).subarray(0, -10), /ends behind the file/);
  await rejects(onnxFile({}), /lacks metadata.*linescribe\.format/);
  await rejects(onnxFile({ ...properties, "linescribe.format": "1" }), /linescribe\.format/);
  await rejects(onnxFile({ ...properties, tokens: "{" }), /tokens: not JSON/);
  await rejects(onnxFile({ ...properties, languages: '{"en":-1}' }), /languages/);
  await readWhisperMetadata(fileOf(onnxFile(properties)));
});

test("any bytes are answered with properties or with our error", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    // Most random bytes fail at the first field; these get further.
    fc
      .tuple(fc.dictionary(fc.string(), fc.string()), fc.nat(), fc.uint8Array({ maxLength: 4 }))
      .map(([properties, at, noise]) => {
        const file = onnxFile(properties);
        file.set(noise.subarray(0, Math.max(0, file.length - (at % file.length))), at % file.length);
        return new Uint8Array(file);
      }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (content) => {
      await readWhisperMetadata(fileOf(content)).then(
        () => assert.fail("it has no metadata"),
        (error) => assert.ok(error instanceof LinescribeError && error.code === "MODEL_ALTERED", error),
      );
    }),
    { numRuns: 300 },
  );
});
