/**
 * One decoding in a worker thread as the main thread sees it: sound comes, and it ends, fails, or is ended.
 */
import type { Worker } from "node:worker_threads";
import { LinescribeError } from "../base/error.ts";
import { startWorker } from "../base/worker.ts";
import { malformed } from "./block.ts";
import type { MediaAnswer, MediaWorkerData } from "./media-worker.ts";
import { Sound } from "./sound.ts";

/** The heap of the thread; what decoders and blocks take lies outside of it and is bounded by their pieces. */
const HEAP_MB = 128;

/** How the worker is made; tests put faults here. */
export type CreateMediaWorker = (data: MediaWorkerData) => Worker;

export function createMediaWorker(data: MediaWorkerData): Worker {
  return startWorker(import.meta.url, "media-worker", {
    name: "media",
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
}

/**
 * Decodes in a thread of its own, which is gone when this settles.
 *
 * @param signal - Ends it; then this rejects with the signal's reason.
 * @returns One track of all channels, or one of each.
 * @throws {LinescribeError} `MEDIA_MALFORMED`, `MEDIA_UNSUPPORTED`, `MEDIA_TOO_LONG`, or `MEDIA_FAILED` when the thread died.
 */
export async function decodeInThread(
  data: MediaWorkerData,
  signal: AbortSignal,
  createWorker: CreateMediaWorker = createMediaWorker,
): Promise<Sound[]> {
  signal.throwIfAborted();
  const worker = createWorker(data);
  const tracks: Sound[] = [];
  try {
    return await new Promise<Sound[]>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.on("message", (answer: MediaAnswer) => {
        if (answer.type === "sound") soundOf(tracks, answer.track).push(answer.s16);
        else if (answer.type === "done") resolve(tracks);
        else reject(new LinescribeError(answer.code, answer.message));
      });
      worker.on("error", (cause: NodeJS.ErrnoException) => {
        const full = cause.code === "ERR_WORKER_OUT_OF_MEMORY";
        reject(full ? malformed("Decoding the file takes too much memory") : died(cause.message, cause));
      });
      worker.on("exit", (code) => reject(died(`it exited with code ${code}`)));
    });
  } finally {
    await worker.terminate();
  }
}

function soundOf(tracks: Sound[], track: number): Sound {
  while (tracks.length <= track) tracks.push(new Sound());
  return tracks[track] as Sound;
}

function died(reason: string, cause?: unknown): LinescribeError {
  return new LinescribeError("MEDIA_FAILED", `The decoder died: ${reason}`, { cause });
}
