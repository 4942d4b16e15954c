/**
 * The real machine, as far as it is asked about cards.
 */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { Machine, ProgramAnswer } from "../cards/machine.ts";
import { findProgram } from "./find-program.ts";

/** Without a program that keeps it awake the driver needs seconds, more with many cards. */
const DRIVER_TIMEOUT_MS = 20_000;
const CACHE_TIMEOUT_MS = 5000;
const OUTPUT_BYTES = 1 << 20;
/** Where programs of the system lie that the `PATH` of a service need not have. */
const SYSTEM_FOLDERS = "/usr/bin:/usr/sbin:/sbin:/usr/lib/wsl/lib";

export function cardMachine(environment: NodeJS.ProcessEnv = process.env): Machine {
  const programs = { PATH: [environment.PATH, SYSTEM_FOLDERS].filter(Boolean).join(path.delimiter) };
  return {
    platform: `${process.platform}-${process.arch}`,
    bindingFolder: bindingFolder(),
    libraryPath: environment.LD_LIBRARY_PATH ?? "",
    visibleDevices: environment.CUDA_VISIBLE_DEVICES,
    askDriver: async (query) => {
      const program = findProgram("nvidia-smi", programs);
      return program === null ? null : run(program, query, DRIVER_TIMEOUT_MS);
    },
    driverVersion: () =>
      readFile("/proc/driver/nvidia/version", "utf8").then(
        (text) => text.slice(0, 200).split("\n", 1)[0] ?? "",
        () => null,
      ),
    libraryCache: async () => {
      const program = findProgram("ldconfig", programs);
      return program === null ? "" : (await run(program, ["-p"], CACHE_TIMEOUT_MS)).output;
    },
  };
}

/** `bin/napi-v6/linux/x64` of onnxruntime-node, which need not be loaded for that; its version of N-API changes. */
function bindingFolder(): string {
  const entry = createRequire(import.meta.url).resolve("onnxruntime-node");
  const bin = path.join(path.dirname(entry), "../bin");
  const version = readdirSync(bin).find((name) => /^napi-v\d+$/.test(name)) ?? "napi-v6";
  return path.join(bin, version, process.platform, process.arch);
}

/**
 * Runs a program without a shell and takes what it writes. One that takes too long or writes too much is killed, and not
 * waited for: a driver that hangs holds its processes where no signal reaches them.
 */
export function run(file: string, arguments_: readonly string[], timeoutMs: number): Promise<ProgramAnswer> {
  return new Promise((resolve) => {
    const options = { maxBuffer: OUTPUT_BYTES, killSignal: "SIGKILL", windowsHide: true } as const;
    const child = execFile(file, arguments_, options, (error, stdout, stderr) => {
      clearTimeout(timer);
      if (error === null) resolve({ exitCode: 0, output: stdout });
      else {
        const exitCode = typeof error.code === "number" ? error.code : null;
        resolve({ exitCode, output: `${stdout}${stderr}`.trim() || error.message });
      }
    });
    const timer = setTimeout(() => {
      resolve({ exitCode: null, output: `no answer after ${timeoutMs / 1000} s` });
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
    }, timeoutMs);
    child.stdin?.end();
  });
}
