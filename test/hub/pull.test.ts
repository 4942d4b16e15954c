import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { recogniserFiles } from "../../src/app/model-files.ts";
import { checkFolders } from "../../src/models/folders.ts";
import { COMMIT, pullFrom, readyFiles, sha256, silence, startHub, temporaryFolder } from "./fake-hub.ts";

const BIG = Buffer.alloc(3000, "weights");
const WEIGHTS = {
  "config.json": Buffer.from(JSON.stringify({ model_type: "whisper", d_model: 384 })),
  "generation_config.json": Buffer.from("{}"),
  "tokenizer.json": Buffer.from('{"added_tokens": []}'),
  "model.safetensors": BIG,
  "pytorch_model.bin": BIG,
  "model.fp32-00001-of-00002.safetensors": BIG,
};

test("a ready model is pulled with its tokenizer, verified, and found by its name", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = path.join(temporaryFolder(t), "made", "here");
  const pulled = await pullFrom(hub, folder);
  assert.deepEqual([pulled.kind, pulled.name, pulled.commit], ["model", "whisper-tiny", COMMIT]);
  assert.deepEqual(readdirSync(folder).sort(), [
    "manifest.json",
    "whisper-tiny.onnx",
    "whisper-tiny.tokenizer.json",
  ]);
  assert.equal(recogniserFiles("whisper-tiny", folder).modelPath, path.join(folder, "whisper-tiny.onnx"));
  const faults = (await checkFolders(folder)).filter(({ fault }) => fault !== null);
  assert.deepEqual(faults, []);
  const [entry] = JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8")).models;
  assert.match(entry.source, new RegExp(`^owner/some-whisper at ${COMMIT}`));
});

test("the list is asked for by revision with hashes, and files by the commit that it names", async (t) => {
  const hub = await startHub(t, readyFiles());
  await pullFrom(hub, temporaryFolder(t), { revision: "refs/pr/1" });
  const [list, ...files] = hub.asked.hub.map(({ url }) => url);
  assert.equal(list, "/api/models/owner/some-whisper/revision/refs%2Fpr%2F1?blobs=true");
  for (const url of files) assert.ok(url.startsWith(`/owner/some-whisper/resolve/${COMMIT}/`), url);
});

test("a mirror may lie below a path", async (t) => {
  const hub = await startHub(t, readyFiles());
  await assert.rejects(pullFrom({ url: `${hub.url}/mirror/hf/` }, temporaryFolder(t)), {
    code: "HUB_NOT_FOUND",
  });
  assert.match(hub.asked.hub[0]?.url ?? "", /^\/mirror\/hf\/api\/models\/owner/);
});

test("what is there and intact is not fetched again, what was altered is", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  await pullFrom(hub, folder);
  hub.asked.storage.length = 0;
  const told = silence();
  await pullFrom(hub, folder, { told });
  assert.deepEqual(told.ended, ["whisper-tiny.onnx intact", "whisper-tiny.tokenizer.json intact"]);
  writeFileSync(path.join(folder, "whisper-tiny.onnx"), "altered");
  const again = silence();
  await pullFrom(hub, folder, { told: again });
  assert.deepEqual(again.ended, ["whisper-tiny.tokenizer.json intact", "whisper-tiny.onnx pulled"]);
  assert.equal(readFileSync(path.join(folder, "whisper-tiny.onnx")).length, 5000);
});

test("the second model of a folder joins the first, and a newer one takes the older one's place", async (t) => {
  const folder = temporaryFolder(t);
  await pullFrom(await startHub(t, readyFiles("one")), folder);
  await pullFrom(await startHub(t, readyFiles("two")), folder);
  await pullFrom(await startHub(t, readyFiles("one", 6000)), folder);
  const { models } = JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8"));
  assert.deepEqual(
    models.map(({ name, bytes }: { name: string; bytes: number }) => [name, bytes]).slice(0, 3),
    [
      ["two", 5000],
      ["two.tokenizer", 15],
      ["one", 6000],
    ],
  );
});

test("of several models one has to be named, and only its files are fetched", async (t) => {
  const [one, two] = [readyFiles("one"), readyFiles("two")];
  const models = [one, two].flatMap((files) => JSON.parse(String(files["manifest.json"])).models);
  const hub = await startHub(t, { ...one, ...two, "manifest.json": Buffer.from(JSON.stringify({ models })) });
  const folder = temporaryFolder(t);
  await assert.rejects(pullFrom(hub, folder), {
    code: "HUB_NO_MODEL",
    message: /one, two.*owner\/some-whisper\/one/,
  });
  const name = { repository: "owner/some-whisper", model: "two" };
  assert.equal((await pullFrom(hub, folder, { name })).name, "two");
  assert.ok(!existsSync(path.join(folder, "one.onnx")));
  const none = { ...name, model: "three" };
  await assert.rejects(pullFrom(hub, folder, { name: none }), {
    code: "HUB_NO_MODEL",
    message: /called three.*one, two/,
  });
});

test("weights are pulled with what the exporter reads, and with nothing else", async (t) => {
  const hub = await startHub(t, WEIGHTS);
  const folder = temporaryFolder(t);
  const pulled = await pullFrom(hub, folder);
  assert.deepEqual(
    [pulled.kind, pulled.folder, pulled.licence],
    ["weights", path.join(folder, "weights", "owner--some-whisper"), "apache-2.0"],
  );
  assert.deepEqual(readdirSync(pulled.folder).sort(), [
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
  ]);
  assert.ok(!existsSync(path.join(folder, "manifest.json")));
});

test("weights in shards are pulled by their index", async (t) => {
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const index = { metadata: {}, weight_map: { a: shards[0], b: shards[1], c: shards[0] } };
  const { "model.safetensors": _, ...rest } = WEIGHTS;
  const files = { ...rest, "model.safetensors.index.json": Buffer.from(JSON.stringify(index)) };
  const hub = await startHub(t, {
    ...files,
    [shards[0] as string]: BIG,
    [shards[1] as string]: Buffer.alloc(999, 1),
  });
  const { folder } = await pullFrom(hub, temporaryFolder(t));
  for (const shard of shards) assert.ok(existsSync(path.join(folder, shard)));
  const trick = { weight_map: { a: "../../manifest.json" } };
  const other = await startHub(t, {
    ...files,
    "model.safetensors.index.json": Buffer.from(JSON.stringify(trick)),
  });
  await assert.rejects(pullFrom(other, temporaryFolder(t)), { code: "HUB_NO_MODEL", message: /weight_map/ });
});

test("weights of another revision do not stay beside those that were pulled", async (t) => {
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const index = { weight_map: { a: shards[0], b: shards[1] } };
  const { "model.safetensors": _, ...rest } = WEIGHTS;
  const sharded = {
    ...rest,
    "model.safetensors.index.json": Buffer.from(JSON.stringify(index)),
    [shards[0] as string]: BIG,
    [shards[1] as string]: Buffer.alloc(999, 1),
  };
  const folder = temporaryFolder(t);
  const weights = async (files: Record<string, Buffer>): Promise<string[]> => {
    const pulled = await pullFrom(await startHub(t, files), folder);
    return readdirSync(pulled.folder).filter((name) => name.startsWith("model"));
  };
  await weights(sharded);
  writeFileSync(path.join(folder, "weights", "owner--some-whisper", "notes.safetensors"), "mine");
  assert.deepEqual(await weights(WEIGHTS), ["model.safetensors"]);
  assert.deepEqual(await weights(sharded), [...shards, "model.safetensors.index.json"]);
  assert.ok(existsSync(path.join(folder, "weights", "owner--some-whisper", "notes.safetensors")));
});

test("what is no model is told as none", async (t) => {
  const cases: [Record<string, Buffer>, RegExp][] = [
    [{ "README.md": Buffer.from("hello") }, /expected a manifest\.json of Linescribe, or a Whisper/],
    [{ ...WEIGHTS, "config.json": Buffer.from('{"model_type": "bert"}') }, /not that of a Whisper/],
    [{ ...WEIGHTS, "config.json": Buffer.from("{") }, /config\.json of owner\/some-whisper is not/],
    [{ "config.json": WEIGHTS["config.json"], "model.safetensors": BIG }, /has no generation_config\.json/],
    [{ "config.json": WEIGHTS["config.json"], "pytorch_model.bin": BIG }, /other formats of weights/],
  ];
  for (const [files, message] of cases) {
    const folder = temporaryFolder(t);
    await assert.rejects(pullFrom(await startHub(t, files), folder), { code: "HUB_NO_MODEL", message });
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("a manifest of something else does not hide weights, and is told where there are none", async (t) => {
  const foreign = { "manifest.json": Buffer.from('{"name": "web app"}') };
  const { kind } = await pullFrom(await startHub(t, { ...WEIGHTS, ...foreign }), temporaryFolder(t));
  assert.equal(kind, "weights");
  const hub = await startHub(t, foreign);
  await assert.rejects(pullFrom(hub, temporaryFolder(t)), {
    code: "MODEL_ALTERED",
    message: /manifest of owner\/some-whisper/,
  });
});

/** The ready files with their manifest changed. */
function withManifest(change: (models: Record<string, unknown>[]) => void): Record<string, Buffer> {
  const files = readyFiles();
  const { models } = JSON.parse(String(files["manifest.json"]));
  change(models);
  return { ...files, "manifest.json": Buffer.from(JSON.stringify({ models })) };
}

test("a manifest that contradicts the list, or would take another file's place, is refused before anything is fetched", async (t) => {
  const cases: [(models: Record<string, unknown>[]) => void, string][] = [
    [([model]) => Object.assign(model as object, { sha256: "0".repeat(64) }), "HUB_WRONG_HASH"],
    [([model]) => Object.assign(model as object, { bytes: 4999 }), "HUB_WRONG_LENGTH"],
    [([model]) => Object.assign(model as object, { file: "manifest.json" }), "HUB_BAD_FILE_NAME"],
    [([, tokenizer]) => Object.assign(tokenizer as object, { file: "manifest.json" }), "HUB_BAD_FILE_NAME"],
    [([model]) => Object.assign(model as object, { file: "../whisper-tiny.onnx" }), "MODEL_ALTERED"],
    [([model]) => Object.assign(model as object, { file: "absent.onnx" }), "HUB_NO_MODEL"],
    [(models) => models.pop(), "HUB_NO_MODEL"],
    [([model]) => Object.assign(model as object, { name: "whisper-base" }), "HUB_NO_MODEL"],
  ];
  for (const [change, code] of cases) {
    const hub = await startHub(t, withManifest(change));
    const folder = temporaryFolder(t);
    await assert.rejects(pullFrom(hub, folder), { code });
    assert.deepEqual(readdirSync(folder), []);
  }
});

test("a model under a name of the package, or with the file of another model, is refused", async (t) => {
  const folder = temporaryFolder(t);
  const hub = await startHub(t, readyFiles("whisper-base"));
  await assert.rejects(pullFrom(hub, folder), { code: "MODEL_AMBIGUOUS", message: /whisper-base/ });
  await pullFrom(await startHub(t, readyFiles()), folder);
  const thief = withManifest((models) => {
    Object.assign(models[0] as object, { name: "thief" });
    Object.assign(models[1] as object, { name: "thief.tokenizer" });
  });
  await assert.rejects(pullFrom(await startHub(t, thief), folder), {
    code: "MODEL_AMBIGUOUS",
    message: /whisper-tiny and thief/,
  });
  assert.equal(
    sha256(readFileSync(path.join(folder, "whisper-tiny.onnx"))),
    sha256(readyFiles()["whisper-tiny.onnx"] as Buffer),
  );
});
