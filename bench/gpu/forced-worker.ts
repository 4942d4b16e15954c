/**
 * The recognition worker of random weights, see `ForcedWhisper`; else like `src/asr/whisper-worker.ts`.
 */
import { parentPort, type Worker, workerData } from "node:worker_threads";
import { serveWhisper } from "../../src/asr/whisper-service.ts";
import type { WhisperWorkerData } from "../../src/asr/whisper-worker.ts";
import { startWorker } from "../../src/base/worker.ts";
import { ForcedWhisper } from "./forced-whisper.ts";

interface ForcedWorkerData extends WhisperWorkerData {
  tokensPerSecond: number;
}

/** What a recogniser starts its workers with. */
export function forcedWorkers(tokensPerSecond: number): (data: WhisperWorkerData) => Worker {
  return (data) => {
    const forced: ForcedWorkerData = { ...data, tokensPerSecond };
    return startWorker(import.meta.url, "forced-worker", { workerData: forced });
  };
}

if (parentPort && workerData) {
  const { tokensPerSecond, ...data } = workerData as ForcedWorkerData;
  await serveWhisper(parentPort, data, (whisper) => new ForcedWhisper(whisper, tokensPerSecond));
}
