/**
 * Starts worker threads from TypeScript sources and from the compiled package alike.
 */
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * Starts the worker module `name` that lies beside the caller.
 *
 * @param callerUrl - The caller's `import.meta.url`. Its own extension (`.ts` in a clone, `.js` in the package)
 *   is the worker's: the compiler rewrites extensions in imports, but not in URLs made at run time.
 * @param name - File name without extension, for example `silero-worker`.
 */
export function startWorker(callerUrl: string, name: string, options?: WorkerOptions): Worker {
  const extension = callerUrl.endsWith(".ts") ? ".ts" : ".js";
  return new Worker(new URL(`./${name}${extension}`, callerUrl), options);
}
