/**
 * Pulling into a folder where other things are in the way.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { test } from "node:test";
import { COMMIT, pullFrom, readyFiles, startHub, temporaryFolder } from "./fake-hub.ts";

test("a model of the same name from elsewhere is not replaced, a newer commit is no other place", async (t) => {
  const folder = temporaryFolder(t);
  const hub = await startHub(t, readyFiles());
  await pullFrom(hub, folder);
  const manifest = path.join(folder, "manifest.json");
  const edit = (from: string, to: string): void =>
    writeFileSync(manifest, readFileSync(manifest, "utf8").replaceAll(from, to));
  const newer = await startHub(t, readyFiles("whisper-tiny", 6000));
  edit("owner/some-whisper at", "somebody/else at");
  const graph = path.join(folder, "whisper-tiny.onnx");
  await assert.rejects(pullFrom(newer, folder), {
    code: "MODEL_AMBIGUOUS",
    message: /another model called whisper-tiny, from somebody\/else/,
  });
  assert.equal(readFileSync(graph).length, 5000);
  await pullFrom(hub, folder);
  edit(COMMIT, "0".repeat(40));
  await pullFrom(newer, folder);
  assert.equal(readFileSync(graph).length, 6000);
});

test("room is needed for what is fetched, also where an altered file of the same size is in place", async (t) => {
  const hub = await startHub(t, readyFiles());
  const folder = temporaryFolder(t);
  await pullFrom(hub, folder);
  const statfs = t.mock.method(fs, "statfs", async () => ({ bavail: 4, bsize: 1024 }));
  syncBuiltinESMExports();
  t.after(() => {
    statfs.mock.restore();
    syncBuiltinESMExports();
  });
  await pullFrom(hub, folder);
  writeFileSync(path.join(folder, "whisper-tiny.onnx"), Buffer.alloc(5000));
  await assert.rejects(pullFrom(hub, folder), {
    code: "MODEL_NOT_WRITTEN",
    message: /room for 4096 bytes, 5000 are needed/,
  });
});
