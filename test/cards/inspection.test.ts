import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { errorOf } from "../../src/cards/finding.ts";
import { inspectCards, neededBytes, type Wanted } from "../../src/cards/inspection.ts";
import { container } from "./elf-file.ts";
import { H100, L4, machineWith, PROVIDER, type RigOptions } from "./rig.ts";

const MODEL: Wanted = { cards: null, modelBytes: 200 << 20 };

/** Everything that is wrong, as `CODE: message`. */
async function faults(options: RigOptions, wanted: Partial<Wanted> = {}): Promise<string[]> {
  const { findings, usable } = await inspectCards(machineWith(options), { ...MODEL, ...wanted });
  const errors = findings.flatMap((finding) => errorOf(finding) ?? []);
  if (errors.length > 0) assert.ok(wanted.cards || usable.length === 0, "a card is used in spite of a fault");
  return errors.map(({ code, message }) => `${code}: ${message}`);
}

test("a machine that has all of it has its cards used, and every finding says what was found", async () => {
  const { findings, usable } = await inspectCards(machineWith({ driver: `${H100}\n${L4}\n` }), MODEL);
  assert.deepEqual(
    usable.map(({ index, name }) => [index, name]),
    [
      [0, "NVIDIA H100 80GB HBM3"],
      [1, "NVIDIA L4"],
    ],
  );
  assert.deepEqual(
    findings.map(({ found }) => found),
    [
      "NVIDIA driver 580.95.05 tells of 2 cards",
      "card 0: NVIDIA H100 80GB HBM3, 79.1 GiB of 79.6 GiB free, compute capability 9.0",
      "card 1: NVIDIA L4, 22.0 GiB of 22.5 GiB free, compute capability 8.9",
      "CUDA provider library 1.30.0, as the runtime",
      "all 3 that the provider library needs are there",
    ],
  );
});

test("each thing that can be in the way has one message, with its code and its remedy", async () => {
  const cases: [RigOptions, RegExp][] = [
    [{ driver: null }, /^CARD_NO_DRIVER: no NVIDIA driver; install .*--gpus all/],
    [{ driver: null, driverVersion: "NVRM version: 580" }, /^CARD_NO_DRIVER: .*no nvidia-smi; .*utility/],
    [{ driver: "" }, /^CARD_NO_DRIVER: the driver tells of no card/],
    [
      { driver: { exitCode: 9, output: "NVIDIA-SMI has failed because\nit \x1b[31mcould" } },
      /^CARD_NO_DRIVER: nvidia-smi failed with exit code 9: "NVIDIA-SMI has failed because it {2}\[31mcould"; run/,
    ],
    [{ driver: { exitCode: null, output: "" } }, /^CARD_NO_DRIVER: nvidia-smi does not answer/],
    [{ driver: "<html>" }, /^CARD_NO_DRIVER: nvidia-smi answers what we do not understand: .*"<html>"/],
    [{ visibleDevices: "" }, /^CARD_NO_DRIVER: CUDA_VISIBLE_DEVICES="" hides all 1 cards/],
    [
      { driver: H100.replace("580.95.05", "570.86.10") },
      /^CARD_OLD_DRIVER: .*570\.86\.10.*CUDA 13; install driver 580/,
    ],
    [
      { driver: H100.replace("9.0", "7.0") },
      /^CARD_UNSUPPORTED: .*capability 7\.0; .*7\.5, 8\.0, 8\.6, 8\.9, 9\.0, 12\.0/,
    ],
    [
      { driver: H100.replace("80994", "1200") },
      /^CARD_NO_MEMORY: .*1\.2 GiB of 79\.6 GiB free.*; 1\.7 GiB must be free/,
    ],
    [{ provider: null }, /^CARD_NO_PROVIDER: there is no .*providers_cuda\.so; .*docs\/gpu\.md/],
    [{ shared: false }, /^CARD_NO_PROVIDER: there is no .*providers_shared\.so/],
    [{ provider: Buffer.from("<!DOCTYPE html>") }, /^CARD_NO_PROVIDER: .* cannot be read: it is cut short/],
    [{ platform: "darwin-arm64" }, /^CARD_NO_PROVIDER: .*linux-x64 only, this is darwin-arm64/],
    [
      { runtime: "VERS_1.29.0" },
      /^CARD_WRONG_PROVIDER: .* of version 1\.30\.0, the runtime is 1\.29\.0; .*exactly 1\.29\.0/,
    ],
    [{ runtime: null }, /^CARD_WRONG_PROVIDER: .*tells no version/],
    [{ provider: { ...PROVIDER, constants: "" } }, /^CARD_WRONG_PROVIDER: .*of version unknown/],
    [
      { libraries: ["libcudart.so.13", "libcuda.so.1"] },
      /^CARD_NO_LIBRARY: .*libcublasLt\.so\.13, .*CUDA 13 .*LD_LIBRARY_PATH/,
    ],
    [
      { libraries: ["libcudart.so.13", "libcublasLt.so.13"] },
      /^CARD_NO_LIBRARY: .*needs libcuda\.so\.1, .*; libcuda\.so\.1 comes with NVIDIA's driver/,
    ],
  ];
  for (const [options, message] of cases) {
    const found = await faults(options);
    assert.equal(found.length, 1, `${message}: ${found.join("\n")}`);
    assert.match(found[0] as string, message);
  }
});

test("everything that is in the way is told at once", async () => {
  const codes = await faults({ driver: null, runtime: "VERS_1.29.0", libraries: [] });
  assert.deepEqual(
    codes.map((text) => text.split(":")[0]),
    ["CARD_NO_DRIVER", "CARD_WRONG_PROVIDER", "CARD_NO_LIBRARY"],
  );
});

test("only cards that are wanted are used, and one that is not there is told of", async () => {
  const machine = machineWith({ driver: `${H100}\n${L4}` });
  const { usable, findings } = await inspectCards(machine, { ...MODEL, cards: [1, 5] });
  assert.deepEqual(
    usable.map(({ index }) => index),
    [1],
  );
  assert.deepEqual(
    findings.flatMap((finding) => errorOf(finding)?.message ?? []),
    [
      "asr.cards names card 5, and there is none; name cards by the indices of nvidia-smi -L, from 0, or leave asr.cards out for all",
    ],
  );
});

test("a card without faults is used beside one that has some", async () => {
  const busy = L4.replace("22500", "100");
  const { usable } = await inspectCards(machineWith({ driver: `${H100}\n${busy}` }), MODEL);
  assert.deepEqual(
    usable.map(({ index }) => index),
    [0],
  );
});

test("memory must be there for the model that is to run, and a card that does not tell is tried", async () => {
  const small = H100.replace("80994", String(Math.ceil(neededBytes(MODEL.modelBytes) / (1 << 20))));
  assert.deepEqual(await faults({ driver: small }), []);
  assert.match((await faults({ driver: small }, { modelBytes: 3 << 29 }))[0] ?? "", /^CARD_NO_MEMORY/);
  assert.deepEqual(await faults({ driver: H100.replace("81559, 80994", "[N/A], [N/A]") }), []);
});

test("libraries of a newer driver stand in for an old one", async () => {
  const machine = machineWith({ driver: H100.replace("580.95.05", "570.86.10") });
  symlinkSync(path.join(machine.folder, "cuda"), path.join(machine.folder, "compat"));
  const search = { ...machine, libraryPath: `${path.join(machine.folder, "compat")}:` };
  const { usable } = await inspectCards(search, MODEL);
  assert.equal(usable.length, 1);
});

test("kernels decide which cards can run: same major version, or code that the driver compiles", async () => {
  const kernels = (images: Parameters<typeof container>[0]) => ({ ...PROVIDER, kernels: container(images) });
  const blackwell = H100.replace("9.0", "10.0");
  assert.equal((await faults({ driver: blackwell })).length, 1);
  assert.deepEqual(await faults({ driver: H100.replace("9.0", "12.1") }), []);
  assert.deepEqual(
    await faults({ driver: blackwell, provider: kernels([{ kind: 1, architecture: 90 }]) }),
    [],
  );
  // A layout that we do not know says nothing against a card.
  assert.deepEqual(await faults({ provider: { ...PROVIDER, kernels: Buffer.alloc(64) } }), []);
});
