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
  forbidTelemetry();
  if (!callerUrl.endsWith(".ts")) return new Worker(new URL(`./${name}.js`, callerUrl), options);
  // On Node 20 the hooks of `--import tsx` do not reach worker threads, so the worker registers them itself.
  const tsx = import.meta.resolve("tsx/esm/api");
  const module = new URL(`./${name}.ts`, callerUrl).href;
  const source = `const { register } = await import(${JSON.stringify(tsx)}); register(); await import(${JSON.stringify(module)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), options);
}

/**
 * Ends a worker whose thread runs native code, and resolves when it is gone or left alone.
 *
 * A thread that is terminated within ONNX Runtime takes the whole process with it (an exception that nobody can catch).
 * So one that is busy is waited for until its next message; after `patienceMs` it is left to end itself with that
 * message, and keeps the process alive no longer.
 */
export async function endWorker(worker: Worker, busy: boolean, patienceMs: number): Promise<void> {
  const exited = worker.threadId === -1;
  if (busy && !exited) {
    const free = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs);
      for (const event of ["message", "exit"]) {
        worker.once(event, () => {
          clearTimeout(timer);
          resolve(true);
        });
      }
    });
    if (!free) {
      worker.unref();
      worker.once("message", () => void worker.terminate());
      return;
    }
  }
  await worker.terminate();
}

/**
 * ONNX Runtime 1.29 and later reports models and machine to Microsoft, keeps a device id in `~/.cache`, and has no
 * other switch. It looks at the environment of the process when it is loaded, which a worker's `process.env` is not.
 *
 * @see https://github.com/microsoft/onnxruntime/pull/27379
 */
function forbidTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = "1";
}
