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
 * ONNX Runtime 1.29 and later reports models and machine to Microsoft, keeps a device id in `~/.cache`, and has no
 * other switch. It looks at the environment of the process when it is loaded, which a worker's `process.env` is not.
 *
 * @see https://github.com/microsoft/onnxruntime/pull/27379
 */
function forbidTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = "1";
}
