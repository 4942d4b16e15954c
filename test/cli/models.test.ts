import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { loadHubSettings } from "../../src/app/hub.ts";
import { recogniserFiles } from "../../src/app/model-files.ts";
import { readOnnxProperties } from "../../src/asr/metadata.ts";
import { hubName, revision } from "../../src/cli/arguments.ts";
import { modelChecks } from "../../src/cli/doctor/model-checks.ts";
import { addModel } from "../../src/cli/models/add.ts";
import { exportSteps } from "../../src/cli/models/export-steps.ts";
import { LineReport } from "../../src/cli/models/progress.ts";
import type { HubFile } from "../../src/hub/listing.ts";
import { checkFolders } from "../../src/models/folders.ts";
import { modelsDirectory, readManifest } from "../../src/models/manifest.ts";
import { writeManifest } from "../../src/models/merge.ts";
import { MODEL } from "../asr/clips.ts";
import { onnxFile } from "../asr/onnx-file.ts";
import { COMMIT, readyFiles, sha256, startHub } from "../hub/fake-hub.ts";
import { jsonLines, ROOT, run, temporaryFolder } from "./command.ts";

test("a model is pulled by the command into the folder of the settings, and the token reaches the hub alone", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  const own = path.join(folder, "own");
  const token = { HF_TOKEN: "hf_secret" };
  const command = ["models", "pull", "owner/some-whisper"];
  const [pulled, json] = await Promise.all([
    run(command, folder, { ...token, LINESCRIBE_HUB: hub.url, LINESCRIBE_MODELS: own }),
    // The options win over the settings.
    run([...command, "--json", "--from", hub.url, "--into", "here", "--revision", "v1"], folder, {
      ...token,
      LINESCRIBE_HUB: "http://127.0.0.1:1",
      LINESCRIBE_MODELS: own,
    }),
  ]);
  assert.deepEqual([pulled.code, pulled.stderr, json.code, json.stderr], [0, "", 0, ""]);
  assert.match(
    pulled.stdout,
    /^whisper-tiny\.onnx: 5\.0 kB\nwhisper-tiny\.onnx: verified \(sha256 [0-9a-f]{64}\)$/m,
  );
  assert.match(pulled.stdout, /set asr\.model \(LINESCRIBE_ASR_MODEL\) to whisper-tiny$/m);
  assert.ok(existsSync(path.join(own, "whisper-tiny.onnx")));
  const [answer, ...rest] = jsonLines<{ kind: string; commit: string; files: unknown[] }>(json.stdout);
  assert.deepEqual([answer?.kind, answer?.commit, answer?.files.length, rest], ["model", COMMIT, 2, []]);
  assert.ok(existsSync(path.join(folder, "here", "whisper-tiny.onnx")));
  const lists = hub.asked.hub.filter(({ url }) => url.startsWith("/api/"));
  assert.deepEqual(lists.map(({ url }) => /revision\/(\w+)/.exec(url)?.[1]).sort(), ["main", "v1"]);
  for (const { headers } of hub.asked.hub) assert.equal(headers.authorization, "Bearer hf_secret");
  for (const { headers } of hub.asked.storage) assert.equal(headers.authorization, undefined);
  assert.doesNotMatch(pulled.stdout + json.stdout, /hf_secret/);
});

test("names of models and revisions are read, and tricks with paths are not", () => {
  assert.deepEqual(hubName("whisper-large-v3-turbo"), {
    repository: "openai/whisper-large-v3-turbo",
    model: null,
  });
  assert.deepEqual(hubName("an-owner/a.repo_1/model"), { repository: "an-owner/a.repo_1", model: "model" });
  for (const text of [
    "",
    "unknown",
    "constructor",
    "../evil",
    "a/..",
    "a/b/c/d",
    "/a/b",
    "a//b",
    "a\\b/c",
    "a/b?c",
    "a/.b",
    "a b/c",
    "https://huggingface.co/a/b",
  ])
    assert.throws(() => hubName(text), /Expected owner\/name .*whisper-large-v3-turbo/, text);
  for (const text of ["main", "v1.0", "refs/pr/1", COMMIT]) assert.equal(revision(text), text);
  for (const text of ["", "../main", "a..b", "/main", "main/", "a b", "-x\n"])
    assert.throws(() => revision(text), /branch/, text);
});

test("the settings of a hub are checked, and a token that is none is not shown", () => {
  const read = (environment: NodeJS.ProcessEnv, from?: string) => loadHubSettings({ environment, from });
  const { hub, token, folder } = read({});
  assert.deepEqual([hub.href, token, folder], ["https://huggingface.co/", null, "data/models"]);
  assert.equal(read({ LINESCRIBE_HUB: "https://mirror.example/hf/" }).hub.href, "https://mirror.example/hf");
  for (const from of [
    "https://user:word@hub.example",
    "https://hub.example/?a=b",
    "ftp://hub.example",
    "hub",
  ])
    assert.throws(() => read({}, from), { code: "CONFIG_INVALID", message: /address of a hub/ });
  assert.throws(
    () => read({ HF_TOKEN: "two words" }),
    (error: Error) => /HF_TOKEN/.test(error.message) && !/words/.test(error.message),
  );
});

test("the printed commands are the exporter's and our own, with words that a shell takes as they are", () => {
  const pulled = {
    kind: "weights" as const,
    name: "whisper-small",
    commit: COMMIT,
    folder: "/srv/my models/weights/whisper-small",
    files: [],
    licence: "apache-2.0",
    source: "https://huggingface.co/openai/whisper-small",
  };
  const { processor, card } = exportSteps(pulled, "/srv/my models");
  const exporter = path.join(ROOT, "models/export/export.py");
  assert.deepEqual(processor, [
    `python ${exporter} '/srv/my models/weights/whisper-small' '/srv/my models/whisper-small.onnx' ` +
      "--name whisper-small --source https://huggingface.co/openai/whisper-small --licence apache-2.0",
    "npm run linescribe -- models add whisper-small --tokenizer '/srv/my models/weights/whisper-small/tokenizer.json' " +
      "--into '/srv/my models'",
  ]);
  assert.match(card[0] ?? "", /whisper-small-cuda\.onnx' --precision float16 --name whisper-small-cuda /);
  const taken = exportSteps({ ...pulled, name: "whisper-base", licence: null }, "/srv").processor;
  assert.match(
    taken[0] ?? "",
    / \/srv\/whisper-base-own\.onnx --name whisper-base-own --source \S+ --licence unknown$/,
  );
  const script = readFileSync(exporter, "utf8");
  for (const [, option] of `${processor[0]} ${card[0]}`.matchAll(/ (--\w+)/g))
    assert.ok(script.includes(`"${option}"`), option);
});

test("an exported model is added with the tokenizer of its weights, and with no other", async (t) => {
  const folder = temporaryFolder(t);
  const facts = await readOnnxProperties(MODEL.modelPath);
  writeFileSync(path.join(folder, "whisper-own.onnx"), onnxFile({ ...facts, licence: "apache-2.0" }));
  const into = { into: folder, json: true };
  await assert.rejects(addModel("whisper-own", into), { code: "MODEL_MISSING", message: /--tokenizer/ });
  const other = path.join(folder, "other.json");
  writeFileSync(other, JSON.stringify({ added_tokens: [{ content: "<|endoftext|>", id: 50256 }] }));
  await assert.rejects(addModel("whisper-own", { ...into, tokenizer: other }), {
    code: "MODEL_ALTERED",
    message: /another model/,
  });
  await assert.rejects(addModel("absent", into), { code: "MODEL_MISSING", message: /absent\.onnx/ });
  writeFileSync(path.join(folder, "broken.onnx"), "x");
  await assert.rejects(addModel("broken", into), { code: "MODEL_ALTERED" });
  assert.ok(!existsSync(path.join(folder, "manifest.json")));
  await addModel("whisper-own", { into: folder, json: false, tokenizer: MODEL.tokenizerPath });
  const own = (await checkFolders(folder)).filter(({ entry }) => entry.folder === folder);
  assert.deepEqual(
    own.map(({ entry, fault }) => [entry.name, entry.licence, fault]),
    [
      ["whisper-own", "apache-2.0", null],
      ["whisper-own.tokenizer", "apache-2.0", null],
    ],
  );
  assert.equal(recogniserFiles("whisper-own", folder).modelPath, path.join(folder, "whisper-own.onnx"));
});

test("nothing is added to the package's own folder", async () => {
  const folder = modelsDirectory();
  const before = readdirSync(folder);
  const options = { into: folder, tokenizer: MODEL.tokenizerPath };
  await assert.rejects(addModel("whisper-base", options), { code: "MODEL_NOT_WRITTEN", message: /--into/ });
  await assert.rejects(writeManifest(folder, { models: [] }), { code: "MODEL_NOT_WRITTEN" });
  assert.deepEqual(readdirSync(folder), before);
});

test("a model for cards is told to be set as one, added or pulled", async (t) => {
  const folder = temporaryFolder(t);
  const facts = await readOnnxProperties(MODEL.modelPath);
  const graph = onnxFile({ ...facts, "linescribe.device": "cuda" });
  writeFileSync(path.join(folder, "for-cards.onnx"), graph);
  const ready = readyFiles("pulled-one");
  const { models } = JSON.parse(String(ready["manifest.json"]));
  Object.assign(models[0], { bytes: graph.length, sha256: sha256(Buffer.from(graph)) });
  const manifest = Buffer.from(JSON.stringify({ models }));
  const hub = await startHub(t, {
    ...ready,
    "pulled-one.onnx": Buffer.from(graph),
    "manifest.json": manifest,
  });
  const own = { LINESCRIBE_MODELS: folder, LINESCRIBE_HUB: hub.url };
  const [added, pulled] = await Promise.all([
    run(["models", "add", "for-cards", "--tokenizer", MODEL.tokenizerPath], folder, own),
    run(["models", "pull", "owner/some-whisper", "--into", "pulled"], folder, own),
  ]);
  assert.match(added.stdout, /set asr\.cudaModel \(LINESCRIBE_ASR_CUDA_MODEL\) to for-cards$/m);
  assert.match(pulled.stdout, /set asr\.cudaModel \(LINESCRIBE_ASR_CUDA_MODEL\) to pulled-one$/m);
});

test("doctor looks into the own folder, and says which remedy belongs to which", async (t) => {
  const own = temporaryFolder(t);
  const [base] = readManifest().models.filter(({ name }) => name === "whisper-base");
  const lost = { ...base, name: "whisper-lost", file: "whisper-lost.onnx" };
  const models = [lost, { ...base, sha256: "0".repeat(64), file: "other.onnx" }];
  writeFileSync(path.join(own, "manifest.json"), JSON.stringify({ models }));
  const checks = await modelChecks(null, own);
  const [first] = checks;
  assert.deepEqual(
    [first?.verdict, /^MODEL_MISSING: .*whisper-lost/.test(first?.found ?? "")],
    ["fail", true],
  );
  assert.match(first?.fix ?? "", /models pull/);
  const warned = checks.filter(({ verdict }) => verdict === "warn");
  assert.deepEqual(
    warned.map(({ found }) => found),
    ["two folders have different files called whisper-base"],
  );
  assert.equal(checks.filter(({ verdict }) => verdict === "ok").length, readManifest().models.length);
});

test("without a terminal a file is told by its beginning, every tenth and its end", () => {
  const lines: string[] = [];
  const log = new LineReport((line) => lines.push(line));
  const file: HubFile = { name: "a.onnx", bytes: 1000, digest: { kind: "git", hex: "ab" } };
  log.began(file, 300);
  for (const bytes of [301, 350, 400, 420, 700, 1000]) log.came(file, bytes);
  log.ended(file, "pulled");
  assert.deepEqual(lines, [
    "a.onnx: 1.0 kB, 0.3 kB are here",
    "a.onnx: 40 %",
    "a.onnx: 70 %",
    "a.onnx: verified (git ab)",
  ]);
});
