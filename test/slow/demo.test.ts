import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { run, temporaryFolder } from "../cli/command.ts";

test("the demo passes in an empty folder, whatever the environment says, and leaves nothing behind", async (t) => {
  const folder = temporaryFolder(t);
  const temporary = path.join(folder, "tmp");
  mkdirSync(temporary);
  writeFileSync(path.join(folder, "linescribe.config.json"), "not JSON");
  const environment = {
    LINESCRIBE_PORT: "1",
    LINESCRIBE_CONFIG: "/nowhere",
    LINESCRIBE_INSECURE: "true",
    LINESCRIBE_SURPRISE: "1",
    TMPDIR: temporary,
  };
  const { code, stdout, stderr } = await run(["demo", "--json"], folder, environment);
  assert.equal(code, 0, `${stdout}${stderr}`);
  const result = JSON.parse(stdout);
  assert.deepEqual([result.ok, result.faults], [true, []]);
  // Five sentences, of which two may be nearer to each other than the silence that ends an utterance.
  assert.ok(result.utterances.length >= 4 && result.utterances.length <= 5);
  assert.equal(result.finals.committed, result.finals.arrivedSigned);
  assert.ok(result.finals.committed >= result.utterances.length);
  assert.ok(result.wer < 0.15);
  assert.ok(result.utterances.every(({ delayMs }: { delayMs: number }) => delayMs > 0));
  const left = readdirSync(temporary).filter((name) => name.startsWith("linescribe"));
  assert.deepEqual(left, []);
});
