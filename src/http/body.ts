/**
 * The body of a request as bytes, whole or in pieces of unknown number, bounded as it comes.
 */
import type { IncomingMessage } from "node:http";
import { ApiError } from "./api-error.ts";

/**
 * Reads a body, up to the fault at most.
 *
 * @throws {ApiError} `REQUEST_TOO_LARGE` (413); or whatever the signal's reason is.
 */
export function readBody(
  request: IncomingMessage,
  maximumBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  signal.throwIfAborted();
  const tooLarge = new ApiError(413, "REQUEST_TOO_LARGE", `Expected a body of at most ${maximumBytes} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > maximumBytes) return Promise.reject(tooLarge);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = (): void => {
      request.off("data", onData).off("end", onEnd).off("error", fail);
      signal.removeEventListener("abort", onAbort);
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maximumBytes) fail(tooLarge);
      else chunks.push(chunk);
    };
    const onEnd = (): void => {
      stop();
      resolve(Buffer.concat(chunks));
    };
    const onAbort = (): void => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("data", onData).on("end", onEnd).on("error", fail);
    request.resume();
  });
}
