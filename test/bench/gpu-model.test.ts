import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { openModel } from "../../bench/gpu/model.ts";
import { recogniserFiles, verifiedFiles } from "../../src/app/model-files.ts";
import { readOnnxProperties } from "../../src/asr/metadata.ts";
import { onnxFile } from "../asr/onnx-file.ts";

const PROPERTIES = await readOnnxProperties(recogniserFiles("whisper-base").modelPath);
const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-given-"));
after(() => rmSync(folder, { recursive: true }));

/** A file in the shape of an export whose decoder has two layers, and its tokenizer. */
function exported(name: string, properties: Record<string, string> = {}): string {
  const file = path.join(folder, `${name}.onnx`);
  const own = { names: "decoder.layers.0.fc1 decoder.layers.1.fc1 decoder.layers.9", ...properties };
  writeFileSync(file, onnxFile({ ...PROPERTIES, width: "1280", encoderLayers: "32", ...own }));
  writeFileSync(path.join(folder, `${name}.tokenizer.json`), "{}");
  return file;
}

test("a model that was named by its file is found by the engine under its name, and its folder goes away", async () => {
  const model = await openModel(exported("turbo"), "cpu");
  assert.equal(model.name, "turbo");
  const { width, encoderLayers, decoderLayers } = model.sizes;
  assert.deepEqual([width, encoderLayers, decoderLayers], [1280, 32, 2]);
  const files = await verifiedFiles("turbo", "cpu", model.models);
  assert.deepEqual(files, { modelPath: model.modelPath, tokenizerPath: model.tokenizerPath });
  model.remove();
  assert.equal(existsSync(model.models), false);
});

test("a file under the name of a packaged model is another model", async () => {
  const model = await openModel(exported("whisper-base"), "cpu");
  assert.equal(model.name, "whisper-base-given");
  assert.equal(model.sizes.width, 1280);
  await verifiedFiles("whisper-base-given", "cpu", model.models);
  await verifiedFiles("whisper-base", "cpu", model.models);
  model.remove();
});

test("a model for the other kind of device is refused, and so is a file that is not there; nothing is left", async () => {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    await assert.rejects(openModel(exported("cpu-model"), "cuda"), { code: "MODEL_WRONG_DEVICE" });
    const forCards = exported("card-model", { "linescribe.device": "cuda" });
    await assert.rejects(openModel(forCards, "cpu"), { code: "MODEL_WRONG_DEVICE" });
    await assert.rejects(openModel(exported("old", { width: "wide" }), "cpu"), { code: "MODEL_ALTERED" });
    (await openModel(forCards, "cuda")).remove();
    await assert.rejects(openModel(path.join(folder, "none.onnx"), "cpu"), RangeError);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith("linescribe-models-")),
      [],
    );
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
