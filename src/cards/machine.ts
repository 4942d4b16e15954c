/**
 * What we ask of the machine when we look for cards; tests answer instead of it.
 */
export interface Machine {
  /** `process.platform` and `process.arch`, for example `linux-x64`. */
  readonly platform: string;
  /** Folder with onnxruntime-node's binding for this platform: provider libraries lie beside it. */
  readonly bindingFolder: string;
  /** `LD_LIBRARY_PATH` and `CUDA_VISIBLE_DEVICES` as the program was started with them. */
  readonly libraryPath: string;
  readonly visibleDevices: string | undefined;
  /** Runs `nvidia-smi` with these arguments, for a bounded time; null when there is no such program. */
  askDriver(query: readonly string[]): Promise<ProgramAnswer | null>;
  /** What the kernel says of a loaded driver (`/proc/driver/nvidia/version`); null when none is. */
  driverVersion(): Promise<string | null>;
  /** Output of `ldconfig -p`; empty when there is no such program. */
  libraryCache(): Promise<string>;
}

export interface ProgramAnswer {
  /** Null when it was ended because it took too long, or could not be run. */
  exitCode: number | null;
  /** What it wrote, errors included; bounded. */
  output: string;
}
