/**
 * Processor time of the main thread alone, where the system tells it (Linux); elsewhere the time that the event loop was
 * not idle.
 */
import { existsSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

/** The main thread's id is that of the process. First of three numbers: nanoseconds on a core. */
const FILE = `/proc/self/task/${process.pid}/schedstat`;

/** Measures from its construction on. */
export class MainThreadClock {
  readonly #cpuNs = readCpuNs();
  readonly #loop = performance.eventLoopUtilization();

  /** Milliseconds in use so far. */
  ms(): number {
    const now = readCpuNs();
    if (now === null || this.#cpuNs === null) return performance.eventLoopUtilization(this.#loop).active;
    return (now - this.#cpuNs) / 1e6;
  }
}

function readCpuNs(): number | null {
  if (!existsSync(FILE)) return null;
  return Number(readFileSync(FILE, "utf8").split(" ")[0]);
}
