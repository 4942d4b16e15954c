import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { cardMachine, run } from "../../src/app/card-machine.ts";
import { QUERY } from "../../src/cards/card.ts";

const folder = mkdtempSync(path.join(tmpdir(), "linescribe-machine-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

test("the driver is asked with the arguments as they are, found by PATH, and answers with output and exit code", async () => {
  program("nvidia-smi", 'printf "%s\\n" "$@"; exit 9');
  const machine = cardMachine({
    PATH: `relative:${folder}`,
    LD_LIBRARY_PATH: "/opt/cuda",
    CUDA_VISIBLE_DEVICES: "1",
  });
  assert.deepEqual(await machine.askDriver([...QUERY, "; echo $HOME"]), {
    exitCode: 9,
    output: [...QUERY, "; echo $HOME"].join("\n"),
  });
  assert.deepEqual([machine.libraryPath, machine.visibleDevices], ["/opt/cuda", "1"]);
  program("nvidia-smi", "echo 0, GPU-1");
  assert.deepEqual(await machine.askDriver(QUERY), { exitCode: 0, output: "0, GPU-1\n" });
});

test("the folder of onnxruntime-node's binding is found", { skip: process.platform !== "linux" }, () => {
  const { bindingFolder, platform } = cardMachine({});
  assert.ok(readdirSync(bindingFolder).includes("onnxruntime_binding.node"));
  assert.equal(platform, `linux-${process.arch}`);
});

test("a program that hangs, and leaves others behind that do, is not waited for", async () => {
  const file = program("hangs", "sleep 3 & sleep 3");
  const beganAt = performance.now();
  assert.deepEqual(await run(file, [], 100), { exitCode: null, output: "no answer after 0.1 s" });
  assert.ok(performance.now() - beganAt < 2000);
});

test("a program that writes without end is stopped, and one that cannot be run says why", async () => {
  const { exitCode, output } = await run(program("writes", "yes"), [], 5000);
  assert.equal(exitCode, null);
  assert.ok(output.length <= (1 << 20) + 100);
  const file = path.join(folder, "not-a-program");
  writeFileSync(file, "");
  assert.match((await run(file, [], 5000)).output, /EACCES/);
});
