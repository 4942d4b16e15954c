/**
 * A machine with one card that is well, of which a test spoils one thing.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Machine, ProgramAnswer } from "../../src/cards/machine.ts";
import { PROVIDER_FILE, SHARED_FILE } from "../../src/cards/provider.ts";
import { container, type ElfParts, elfFile } from "./elf-file.ts";

export const H100 =
  "0, GPU-11111111-2222-3333-4444-555555555555, 81559, 80994, 9.0, 580.95.05, NVIDIA H100 80GB HBM3";
export const L4 = "1, GPU-aaaaaaaa-2222-3333-4444-555555555555, 23034, 22500, 8.9, 580.95.05, NVIDIA L4";

/** As in onnxruntime-gpu 1.30.0 for CUDA 13. */
export const PROVIDER: ElfParts = {
  needed: ["libcublasLt.so.13", "libcudart.so.13", "libcuda.so.1", "libc.so.6"],
  versions: ["libonnxruntime_providers_cuda.so", "VERS_1.0"],
  constants: "some text\x001.30.0\0Invalid device ID: \0",
  kernels: container([75, 80, 86, 89, 90, 120].map((architecture) => ({ kind: 2, architecture }))),
};

export interface RigOptions {
  /** Lines of `nvidia-smi`, or its whole answer, or null: there is no such program. */
  driver?: string | ProgramAnswer | null;
  driverVersion?: string | null;
  platform?: string;
  visibleDevices?: string;
  /** Null: no such file. */
  provider?: ElfParts | Buffer | null;
  shared?: boolean;
  runtime?: string | null;
  /** CUDA libraries that are there. */
  libraries?: readonly string[];
}

const LIBRARIES = ["libcublasLt.so.13", "libcudart.so.13", "libcuda.so.1"];
const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function machineWith({
  driver = H100,
  driverVersion = null,
  platform = "linux-x64",
  visibleDevices,
  provider = PROVIDER,
  shared = true,
  runtime = "VERS_1.30.0",
  libraries = LIBRARIES,
}: RigOptions = {}): Machine & { folder: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "linescribe-cards-"));
  folders.push(folder);
  const write = (name: string, content: ElfParts | Buffer): void =>
    writeFileSync(path.join(folder, name), Buffer.isBuffer(content) ? content : elfFile(content));
  if (provider) write(PROVIDER_FILE, provider);
  if (shared) write(SHARED_FILE, {});
  if (runtime) write("libonnxruntime.so.1", { versions: ["libonnxruntime.so.1", runtime] });
  mkdirSync(path.join(folder, "cuda"));
  for (const name of libraries) write(path.join("cuda", name), { needed: ["libm.so.6"] });
  return {
    folder,
    platform,
    bindingFolder: folder,
    libraryPath: path.join(folder, "cuda"),
    visibleDevices,
    askDriver: async () => (typeof driver === "string" ? { exitCode: 0, output: driver } : driver),
    driverVersion: async () => driverVersion,
    libraryCache: async () => "",
  };
}
