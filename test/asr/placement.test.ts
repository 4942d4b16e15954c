import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { CPU } from "../../src/asr/device.ts";
import { cudaReason, openGraph, openProven, sessionOptions } from "../../src/asr/graph-session.ts";
import { ranOn, readPlacement, showPlacement } from "../../src/asr/placement.ts";
import { findModel, modelsDirectory, readManifest } from "../../src/models/manifest.ts";

const folder = mkdtempSync(path.join(tmpdir(), "linescribe-placement-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function profileOf(nodes: readonly [op: string, provider: string][]): string {
  const file = path.join(folder, "profile.json");
  const events = nodes.map(([op_name, provider]) => ({
    cat: "Node",
    args: { op_name, provider, output_size: "8" },
  }));
  writeFileSync(file, JSON.stringify([{ cat: "Session", name: "model_run", args: {} }, ...events]));
  return file;
}

test("products of matrices are counted by where they ran, and shapes are not", async () => {
  const [card, cpu] = ["CUDAExecutionProvider", "CPUExecutionProvider"];
  const onCard = await readPlacement(
    profileOf([
      ["MatMul", card],
      ["Gemm", card],
      ["Shape", cpu],
      ["Concat", cpu],
    ]),
  );
  assert.equal(showPlacement(onCard), "CUDAExecutionProvider 2");
  assert.ok(ranOn(onCard, card));
  const half = await readPlacement(
    profileOf([
      ["MatMul", card],
      ["MatMulNBits", cpu],
      ["Add", card],
    ]),
  );
  assert.ok(!ranOn(half, card));
  const none = await readPlacement(profileOf([["Shape", card]]));
  assert.ok(!ranOn(none, card), "without work nothing is proven");
  assert.equal(showPlacement(none), "nowhere");
  writeFileSync(path.join(folder, "torn.json"), '[{"cat":"Node"');
  await assert.rejects(readPlacement(path.join(folder, "torn.json")));
});

test("a session of a card asks for that card alone, one of the processor for the processor", () => {
  const rest = { threads: 2, spin: false };
  const { executionProviders } = sessionOptions({ device: { kind: "cuda", card: 3 }, ...rest });
  assert.deepEqual(executionProviders, [{ name: "cuda", deviceId: 3 }]);
  assert.deepEqual(sessionOptions({ device: CPU, ...rest }).executionProviders, ["cpu"]);
});

test("of a page of C++ the line is told in which CUDA says what is wrong", () => {
  const page =
    "/src/cuda_call.cc:154 std::conditional_t<THRW, void> onnxruntime::CudaCall(ERRTYPE) [with ERRTYPE = cudaError] " +
    "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=vm ; file=/x.cc ;\n";
  assert.equal(
    cudaReason(new Error(page)),
    "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version",
  );
  const bare = "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library";
  assert.match(cudaReason(new Error(bare)), /^OrtSession.*library \(.*linescribe doctor/);
  assert.ok(cudaReason(new Error("x".repeat(10_000))).length <= 300);
});

test("a session that did not run where it should is found out by its profile, which is not left behind", async () => {
  const vad = findModel(readManifest(), "silero-vad-6.2");
  const modelPath = path.join(modelsDirectory(), vad.file);
  const options = sessionOptions({ device: CPU, threads: 1, spin: false });
  const profiles = () =>
    readdirSync(tmpdir()).filter((name) => name.startsWith("linescribe-profile-")).length;
  const before = profiles();
  const open = (provider: string) => openProven(modelPath, options, { provider, tryOut: async () => {} });
  await assert.rejects(open("CUDAExecutionProvider"), /its matrix products ran on nowhere instead/);
  assert.equal(profiles(), before);
});

test("where there is no card, a session for one is an error with what the runtime said", async () => {
  const modelPath = path.join(folder, "none.onnx");
  writeFileSync(modelPath, "");
  const device = { kind: "cuda", card: 0 } as const;
  await assert.rejects(
    openGraph({ modelPath, device, threads: 1, spin: false }, async () => {}),
    { code: "CARD_FAILED", message: /^Recognition does not run on cuda:0: / },
  );
});
