import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { VAD_MODEL } from "../../src/app/engine.ts";
import { recogniserFiles } from "../../src/app/model-files.ts";
import { ambiguousNames, checkFolders, readModels } from "../../src/models/folders.ts";
import { findModel, type ModelEntry, modelsDirectory, readManifest } from "../../src/models/manifest.ts";

const BASE = findModel(readManifest(), "whisper-base");
const OWN: ModelEntry = { ...BASE, name: "whisper-own", file: "whisper-own.onnx", sha256: "0".repeat(64) };

function folderWith(t: TestContext, models: readonly ModelEntry[] | null): string {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-folders-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (models) writeFileSync(path.join(folder, "manifest.json"), JSON.stringify({ models }));
  return folder;
}

test("a model of the own folder is found there, and the speech detector still in the package", (t) => {
  const own = folderWith(t, [
    OWN,
    { ...OWN, name: "whisper-own.tokenizer", file: "whisper-own.tokenizer.json" },
  ]);
  assert.deepEqual(recogniserFiles("whisper-own", own), {
    modelPath: path.join(own, "whisper-own.onnx"),
    tokenizerPath: path.join(own, "whisper-own.tokenizer.json"),
  });
  assert.equal(findModel(readModels(own), VAD_MODEL).folder, modelsDirectory());
  assert.equal(recogniserFiles("whisper-base", own).modelPath, path.join(modelsDirectory(), BASE.file));
});

test("a folder that is not there, or holds no manifest, or is the package's own, adds nothing", (t) => {
  const packaged = readModels(null);
  for (const own of [path.join(tmpdir(), "nowhere", "models"), folderWith(t, null), modelsDirectory()])
    assert.deepEqual(readModels(own), packaged);
});

test("one name for two files is refused when it is asked for, and only then", (t) => {
  const own = folderWith(t, [{ ...OWN, name: "whisper-base" }]);
  const models = readModels(own);
  assert.deepEqual(ambiguousNames(models), ["whisper-base"]);
  assert.throws(() => findModel(models, "whisper-base"), {
    code: "MODEL_AMBIGUOUS",
    message: /manifest\.json/,
  });
  assert.equal(findModel(models, VAD_MODEL).name, VAD_MODEL);
});

test("the same file in both folders is one model, the own one", (t) => {
  const own = folderWith(t, [BASE]);
  assert.deepEqual(ambiguousNames(readModels(own)), []);
  assert.equal(findModel(readModels(own), "whisper-base").folder, own);
});

test("a broken manifest in the own folder is a fault, not an empty folder", (t) => {
  const own = folderWith(t, null);
  writeFileSync(path.join(own, "manifest.json"), "{");
  assert.throws(() => readModels(own), { code: "MODEL_ALTERED", message: new RegExp(own) });
});

test("verifying looks into both folders", async (t) => {
  const own = folderWith(t, [OWN]);
  const faults = (await checkFolders(own)).map(({ entry, fault }) => [entry.name, fault?.code ?? null]);
  assert.deepEqual(faults[0], ["whisper-own", "MODEL_MISSING"]);
  assert.deepEqual(
    faults.slice(1),
    readManifest().models.map(({ name }) => [name, null]),
  );
});
