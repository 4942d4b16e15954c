/**
 * How slow an upload may be: a total, and how long nothing may come at all.
 */
import type { IncomingMessage } from "node:http";
import { ApiError } from "./api-error.ts";

export interface UploadLimits {
  /** A whole body, ms. */
  totalMs: number;
  /** Between two pieces of it, ms. */
  idleMs: number;
}

/** 25 MB in five minutes is 0.7 Mbit/s: a phone on a bad line. */
export const DEFAULT_UPLOAD_LIMITS: Readonly<UploadLimits> = Object.freeze({
  totalMs: 300_000,
  idleMs: 30_000,
});

/** A signal that aborts with `REQUEST_TIMEOUT` when the body is too slow; `done` when it is there. */
export function watchUpload(
  request: IncomingMessage,
  { totalMs, idleMs }: UploadLimits,
): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const fail = (problem: string): void =>
    controller.abort(new ApiError(408, "REQUEST_TIMEOUT", `The request was too slow: ${problem}`));
  const total = setTimeout(() => fail(`its body took more than ${totalMs} ms`), totalMs);
  const idle = setTimeout(() => fail(`nothing came for ${idleMs} ms`), idleMs);
  const onData = (): void => void idle.refresh();
  request.on("data", onData);
  // Listening has made it flow; whoever reads it decides when.
  request.pause();
  return {
    signal: controller.signal,
    done: () => {
      clearTimeout(total);
      clearTimeout(idle);
      request.off("data", onData);
    },
  };
}
