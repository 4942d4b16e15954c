/**
 * The library through which ONNX Runtime uses cards: whether it is there, fits the runtime, and finds what it needs.
 */
import path from "node:path";
import { messageOf } from "../base/error.ts";
import { readSharedLibrary, type SharedLibrary } from "./elf.ts";
import type { Finding } from "./finding.ts";
import { type Kernels, readKernels, showArchitecture } from "./kernels.ts";
import { exists, type FoundLibraries, findNeeded } from "./libraries.ts";
import type { Machine } from "./machine.ts";
import { runtimeVersion, versionStrings } from "./version.ts";

export const PROVIDER_FILE = "libonnxruntime_providers_cuda.so";
/** Loaded first; it carries calls between runtime and provider. */
export const SHARED_FILE = "libonnxruntime_providers_shared.so";
/** The driver's own library. */
const DRIVER_FILE = "libcuda.so.1";
const RUNTIME_FILE = "libonnxruntime.so.1";
/** The only platform for which onnxruntime-node knows cards. */
const PLATFORM = "linux-x64";

export interface Provider {
  readonly findings: readonly Finding[];
  /** None known: nothing can be said about a card. */
  readonly kernels: Kernels;
  /** Major version of CUDA that it was built for; null when it needs none. */
  readonly cudaMajor: number | null;
  /** Where the driver's own library was found, `libcuda.so.1`. */
  readonly driverLibrary: string | null;
}

const NOTHING: Omit<Provider, "findings"> = {
  kernels: { binaries: [], portable: [] },
  cudaMajor: null,
  driverLibrary: null,
};
const HOW = "see docs/gpu.md for the commands";

export async function inspectProvider(machine: Machine): Promise<Provider> {
  const failed = (finding: Finding): Provider => ({ findings: [finding], ...NOTHING });
  if (machine.platform !== PLATFORM)
    return failed(missing(`onnxruntime-node runs on cards on ${PLATFORM} only, this is ${machine.platform}`));
  const [provider, shared] = [PROVIDER_FILE, SHARED_FILE].map((name) =>
    path.join(machine.bindingFolder, name),
  ) as [string, string];
  for (const file of [provider, shared]) {
    if (!(await exists(file))) return failed(missing(`there is no ${file}`));
  }
  let library: SharedLibrary;
  try {
    library = await readSharedLibrary(provider);
  } catch (error) {
    return failed(missing(`${provider} cannot be read: ${messageOf(error)}`));
  }
  const version = await inspectVersion(machine.bindingFolder, provider, library);
  const libraries = await inspectLibraries(machine, provider, library);
  return {
    ...NOTHING,
    ...libraries,
    findings: [version, libraries.finding],
    kernels: await kernelsOf(provider, library),
  };
}

function missing(found: string): Finding {
  const remedy = `get the provider library, ${HOW}`;
  return { check: "provider", found, fault: { code: "CARD_NO_PROVIDER", remedy } };
}

async function inspectVersion(folder: string, file: string, library: SharedLibrary): Promise<Finding> {
  const check = "provider";
  const wrong = (found: string, remedy: string): Finding => ({
    check,
    found,
    fault: { code: "CARD_WRONG_PROVIDER", remedy },
  });
  let runtime: string | null;
  try {
    runtime = runtimeVersion(await readSharedLibrary(path.join(folder, RUNTIME_FILE)));
  } catch {
    runtime = null;
  }
  if (runtime === null)
    return wrong(`${path.join(folder, RUNTIME_FILE)} tells no version`, "install onnxruntime-node again");
  const own = await versionStrings(file, library);
  if (own.includes(runtime)) return { check, found: `CUDA provider library ${runtime}, as the runtime` };
  const found = `the provider library is of version ${own.join(" or ") || "unknown"}, the runtime is ${runtime}`;
  return wrong(found, `replace it by exactly ${runtime}, ${HOW}`);
}

async function inspectLibraries(machine: Machine, file: string, { needed }: SharedLibrary) {
  const cudart = needed.map((name) => /^libcudart\.so\.(\d{1,3})/.exec(name)?.[1]).find(Boolean);
  const cudaMajor = cudart ? Number(cudart) : null;
  const search = { libraryPath: machine.libraryPath, cache: await machine.libraryCache() };
  const { found, missing: absent } = await findNeeded(file, search);
  return {
    cudaMajor,
    driverLibrary: found.get(DRIVER_FILE) ?? null,
    finding: librariesFinding({ found, missing: absent }, cudaMajor),
  };
}

function librariesFinding({ found, missing: absent }: FoundLibraries, cudaMajor: number | null): Finding {
  const check = "CUDA libraries";
  if (absent.length === 0)
    return { check, found: `all ${found.size} that the provider library needs are there` };
  // The driver brings this one, nobody else does.
  const [others, driverOwn] = [absent.filter((name) => name !== DRIVER_FILE), absent.includes(DRIVER_FILE)];
  const remedies = [
    ...(others.length > 0
      ? [`install CUDA ${cudaMajor ?? ""} and start with LD_LIBRARY_PATH leading to its libraries, ${HOW}`]
      : []),
    ...(driverOwn
      ? [
          `${DRIVER_FILE} comes with NVIDIA's driver; in a container, set NVIDIA_DRIVER_CAPABILITIES=compute,utility`,
        ]
      : []),
  ];
  return {
    check,
    found: `the provider library needs ${absent.join(", ")}, and the loader finds none of that name`,
    fault: { code: "CARD_NO_LIBRARY", remedy: remedies.join("; ") },
  };
}

async function kernelsOf(file: string, { sections }: SharedLibrary): Promise<Kernels> {
  const section = sections.get(".nv_fatbin");
  // Kept in another way by a future compiler: then the runtime itself must find out.
  return section ? readKernels(file, section).catch(() => NOTHING.kernels) : NOTHING.kernels;
}

/** `7.5, 8.0, 9.0` for people. */
export function showKernels({ binaries, portable }: Kernels): string {
  return [...new Set([...binaries, ...portable])].map(showArchitecture).join(", ");
}
