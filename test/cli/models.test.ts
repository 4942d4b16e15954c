import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { loadHubSettings } from "../../src/app/hub.ts";
import { hubName, revision } from "../../src/cli/arguments.ts";
import { exportSteps } from "../../src/cli/models/export-steps.ts";
import { LineReport } from "../../src/cli/models/progress.ts";
import type { HubFile } from "../../src/hub/listing.ts";
import { COMMIT, readyFiles, startHub } from "../hub/fake-hub.ts";
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

test("the printed command is the exporter's, with words that a shell takes as they are", () => {
  const pulled = {
    kind: "weights" as const,
    name: "whisper-small",
    commit: COMMIT,
    folder: "/srv/my models/weights/whisper-small",
    files: [],
    licence: "apache-2.0",
    source: "https://huggingface.co/openai/whisper-small",
  };
  const [command] = exportSteps(pulled, "/srv/my models");
  assert.equal(
    command,
    `python ${path.join(ROOT, "models/export/export.py")} '/srv/my models/weights/whisper-small' ` +
      "'/srv/my models/whisper-small.onnx' --name whisper-small " +
      "--source https://huggingface.co/openai/whisper-small --licence apache-2.0",
  );
  const [own] = exportSteps({ ...pulled, name: "whisper-base", licence: null }, "/srv");
  assert.match(own ?? "", / \/srv\/whisper-base-own\.onnx --name whisper-base-own --source \S+$/);
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
