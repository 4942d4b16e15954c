import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import {
  checkModels,
  findModel,
  modelsDirectory,
  readManifest,
  verifyModel,
} from "../../src/models/manifest.ts";

const VAD = "silero-vad-6.2";

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-models-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with the real manifest's VAD entry and a copy of its file. */
function copyOfVad(t: TestContext): string {
  const folder = temporaryFolder(t);
  const entry = findModel(readManifest(), VAD);
  copyFileSync(path.join(modelsDirectory(), entry.file), path.join(folder, entry.file));
  writeFileSync(path.join(folder, "manifest.json"), JSON.stringify({ models: [entry] }));
  return folder;
}

function withManifest(t: TestContext, text: string): string {
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, "manifest.json"), text);
  return folder;
}

test("the models folder is the one at the package root", () => {
  const root = path.dirname(modelsDirectory());
  assert.ok(existsSync(path.join(root, "package.json")));
  assert.equal(JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).name, "linescribe");
});

test("every model file has an extension that the package ships, and the licence of the VAD lies beside it", () => {
  const { files } = JSON.parse(readFileSync(path.join(modelsDirectory(), "../package.json"), "utf8"));
  for (const { file } of readManifest().models) {
    assert.ok(files.includes(`models/*${path.extname(file)}`), file);
  }
  assert.ok(files.includes("models/LICENSE*"));
  assert.match(readFileSync(path.join(modelsDirectory(), "LICENSE.silero"), "utf8"), /^MIT License\n/);
});

test("the committed VAD is Silero v6.2 without If nodes, by its published sha256", async () => {
  const entry = findModel(readManifest(), VAD);
  assert.match(entry.sha256, /^7671cd04b004e907/);
  assert.equal(entry.purpose, "vad");
  assert.equal(await verifyModel(entry), path.join(modelsDirectory(), "silero-vad-6.2.onnx"));
});

test("a single altered byte is found although the size is right", async (t) => {
  const folder = copyOfVad(t);
  const entry = findModel(readManifest(folder), VAD);
  const file = path.join(folder, entry.file);
  const bytes = readFileSync(file);
  bytes[1_000_000] = (bytes[1_000_000] as number) ^ 1;
  writeFileSync(file, bytes);
  await assert.rejects(verifyModel(entry, folder), {
    name: "LinescribeError",
    code: "MODEL_ALTERED",
    message: /silero-vad-6\.2.*expected 2845718 bytes.*got 2845718 bytes.*Get it again from/,
  });
});

test("a file cut short is found", async (t) => {
  const folder = copyOfVad(t);
  const entry = findModel(readManifest(folder), VAD);
  writeFileSync(
    path.join(folder, entry.file),
    readFileSync(path.join(folder, entry.file)).subarray(0, 1_000_000),
  );
  await assert.rejects(verifyModel(entry, folder), { code: "MODEL_ALTERED", message: /got 1000000 bytes/ });
});

test("a model whose file is gone is missing, and the message says where it was looked for", async (t) => {
  const folder = copyOfVad(t);
  const entry = findModel(readManifest(folder), VAD);
  rmSync(path.join(folder, entry.file));
  await assert.rejects(verifyModel(entry, folder), { code: "MODEL_MISSING", message: new RegExp(folder) });
});

test("a folder where the file should be is reported as missing", async (t) => {
  const folder = copyOfVad(t);
  const entry = findModel(readManifest(folder), VAD);
  rmSync(path.join(folder, entry.file));
  mkdirSync(path.join(folder, entry.file));
  await assert.rejects(verifyModel(entry, folder), { code: "MODEL_MISSING" });
});

test("checking a folder reports every faulty model, not only the first", async (t) => {
  const folder = copyOfVad(t);
  const entry = findModel(readManifest(folder), VAD);
  const models = [
    { ...entry, name: "one", sha256: "0".repeat(64) },
    { ...entry, name: "two", file: "nowhere.onnx" },
    { ...entry, name: "three" },
  ];
  writeFileSync(path.join(folder, "manifest.json"), JSON.stringify({ models }));
  const checks = await checkModels(readManifest(folder).models, () => folder);
  assert.deepEqual(
    checks.map(({ entry, fault }) => [entry.name, fault?.code ?? null]),
    [
      ["one", "MODEL_ALTERED"],
      ["two", "MODEL_MISSING"],
      ["three", null],
    ],
  );
});

test("asking for an unknown model names the known ones", () => {
  assert.throws(() => findModel(readManifest(), "whisper-huge"), {
    code: "MODEL_MISSING",
    message: /"whisper-huge".*silero-vad-6\.2/,
  });
});

test("a folder without a manifest is a missing model", (t) => {
  assert.throws(() => readManifest(temporaryFolder(t)), { code: "MODEL_MISSING", message: /manifest\.json/ });
});

test("a manifest of another shape is refused with its faults", (t) => {
  const good = findModel(readManifest(), VAD);
  const broken: [string, RegExp][] = [
    ["{", /not usable/],
    [JSON.stringify({}), /models/],
    [JSON.stringify({ models: [{ ...good, file: "../outside.onnx" }] }), /file/],
    [JSON.stringify({ models: [{ ...good, file: "/etc/passwd" }] }), /file/],
    [JSON.stringify({ models: [{ ...good, sha256: "7671" }] }), /sha256/],
    [JSON.stringify({ models: [{ ...good, bytes: "2845718" }] }), /bytes/],
    [JSON.stringify({ models: [{ ...good, purpose: "tts" }] }), /purpose/],
    [JSON.stringify({ models: [{ ...good, licence: "MIT\u001b[2J" }] }), /licence/],
    [JSON.stringify({ models: [{ ...good, licence: "M".repeat(101) }] }), /licence/],
    [JSON.stringify({ models: [{ ...good, source: "a page\u009b2J" }] }), /source/],
    [JSON.stringify({ models: [{ ...good, source: "a".repeat(1001) }] }), /source/],
    [JSON.stringify({ models: [{ ...good, extra: 1 }] }), /extra/],
    [JSON.stringify({ models: [good, good] }), /same name/],
    [" ".repeat(300_000), /longer/],
  ];
  for (const [text, message] of broken) {
    assert.throws(
      () => readManifest(withManifest(t, text)),
      { code: "MODEL_ALTERED", message },
      text.slice(0, 80),
    );
  }
});
