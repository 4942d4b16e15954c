import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { readSharedLibrary } from "../../src/cards/elf.ts";
import { readKernels } from "../../src/cards/kernels.ts";
import { runtimeVersion, versionStrings } from "../../src/cards/version.ts";
import { container, elfFile } from "./elf-file.ts";
import { PROVIDER } from "./rig.ts";

const folder = mkdtempSync(path.join(tmpdir(), "linescribe-elf-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(bytes: Uint8Array): string {
  const file = path.join(folder, "library.so");
  writeFileSync(file, bytes);
  return file;
}

/** Of this platform's onnxruntime-node; the only real library that every clone has. */
const RUNTIME = path.resolve(
  import.meta.dirname,
  `../../node_modules/onnxruntime-node/bin/napi-v6/linux/${process.arch}/libonnxruntime.so.1`,
);

test("a library tells what it needs, where it looks for it, which versions it defines and where its sections lie", async () => {
  const file = fileOf(elfFile({ ...PROVIDER, runPath: "$ORIGIN:/opt/cuda" }));
  const library = await readSharedLibrary(file);
  assert.deepEqual(library.needed, ["libcublasLt.so.13", "libcudart.so.13", "libcuda.so.1", "libc.so.6"]);
  assert.deepEqual(library.searchFolders, ["$ORIGIN", "/opt/cuda"]);
  assert.deepEqual(library.versions, ["libonnxruntime_providers_cuda.so", "VERS_1.0"]);
  assert.equal(runtimeVersion(library), null);
  assert.deepEqual(await versionStrings(file, library), ["1.30.0"]);
  const section = library.sections.get(".nv_fatbin");
  assert.ok(section);
  assert.deepEqual(await readKernels(file, section), { binaries: [75, 80, 86, 89, 90, 120], portable: [] });
});

test("the installed ONNX Runtime tells the version of its package", {
  skip: process.platform !== "linux",
}, async () => {
  const library = await readSharedLibrary(RUNTIME);
  assert.ok(library.needed.includes("libc.so.6"));
  assert.deepEqual(library.searchFolders, ["$ORIGIN"]);
  const { version } = await import("onnxruntime-node/package.json", { with: { type: "json" } }).then(
    (module) => module.default as { version: string },
  );
  assert.equal(runtimeVersion(library), version);
});

test("a version is found wherever it lies, over the seams of what is read at once, and only if nothing touches it", async () => {
  const seam = (1 << 20) - 3;
  for (const before of [1, seam, 2 * seam, 2_500_000]) {
    const file = fileOf(elfFile({ constants: `${"x".repeat(before)}\x001.30.0\0${"y".repeat(70)}` }));
    assert.deepEqual(await versionStrings(file, await readSharedLibrary(file)), ["1.30.0"], String(before));
  }
  const other = fileOf(elfFile({ constants: "\x001.30.0.dev\0v1.30.0\0 1.30.0\0\x001.2\0" }));
  assert.deepEqual(await versionStrings(other, await readSharedLibrary(other)), []);
});

test("kernels of both kinds are told apart in a row of containers", async () => {
  const kernels = Buffer.concat([
    container([{ kind: 2, architecture: 90 }]),
    container([
      { kind: 2, architecture: 80, payload: 1000 },
      { kind: 1, architecture: 120 },
    ]),
  ]);
  const file = fileOf(elfFile({ kernels }));
  const section = (await readSharedLibrary(file)).sections.get(".nv_fatbin");
  assert.ok(section);
  assert.deepEqual(await readKernels(file, section), { binaries: [80, 90], portable: [120] });
});

test("a library with ever so many kernels is read only so far", async () => {
  const many = Array.from({ length: 600 }, () => container([{ kind: 2, architecture: 90 }]));
  const file = fileOf(
    elfFile({ kernels: Buffer.concat([...many, container([{ kind: 2, architecture: 75 }])]) }),
  );
  const section = (await readSharedLibrary(file)).sections.get(".nv_fatbin");
  assert.ok(section);
  assert.deepEqual(await readKernels(file, section), { binaries: [90], portable: [] });
});

test("a library that is cut short, or points beyond its end, says so", async () => {
  const whole = elfFile(PROVIDER);
  const cut = { message: "it is cut short" };
  for (const length of [0, 30, 100, whole.length - 1])
    await assert.rejects(readSharedLibrary(fileOf(whole.subarray(0, length))), cut, String(length));
  for (const offset of [1n << 40n, (1n << 64n) - 1n]) {
    const astray = Buffer.from(whole);
    astray.writeBigUInt64LE(offset, 40);
    await assert.rejects(readSharedLibrary(fileOf(astray)), cut);
  }
  const kernels = container([{ kind: 2, architecture: 90 }]);
  kernels.writeBigUInt64LE(1n << 40n, 8);
  const file = fileOf(elfFile({ kernels }));
  const section = (await readSharedLibrary(file)).sections.get(".nv_fatbin");
  assert.ok(section);
  await assert.rejects(readKernels(file, section), { message: "its kernels are cut short" });
});

test("any bytes are answered with a library or with an error of ours, within a moment", async () => {
  const whole = elfFile({ ...PROVIDER, runPath: "$ORIGIN" });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([at, noise]) => {
      const file = Buffer.from(whole);
      file.set(noise.subarray(0, file.length - at), at);
      return new Uint8Array(file);
    }),
    fc.nat(whole.length).map((length) => new Uint8Array(whole.subarray(0, length))),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (content) => {
      const file = fileOf(content);
      try {
        const library = await readSharedLibrary(file);
        await versionStrings(file, library);
        const section = library.sections.get(".nv_fatbin");
        if (section) await readKernels(file, section);
      } catch (error) {
        assert.match((error as Error).message, /^(it|its|a) /, String(error));
      }
    }),
    { numRuns: 200 },
  );
});
