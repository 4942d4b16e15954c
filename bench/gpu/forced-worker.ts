/**
 * The recognition worker of random weights, see `ForcedWhisper`; else like `src/asr/whisper-worker.ts`.
 */
import { parentPort, type Worker, workerData } from "node:worker_threads";
import { warmUp } from "../../src/asr/warm-up.ts";
import { Whisper } from "../../src/asr/whisper.ts";
import { answerBatches, type WorkerAnswer } from "../../src/asr/whisper-desk.ts";
import type { WhisperWorkerData } from "../../src/asr/whisper-worker.ts";
import { LinescribeError, messageOf } from "../../src/base/error.ts";
import { setNiceness } from "../../src/base/niceness.ts";
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

const port = parentPort;
if (port && workerData) {
  const { tokensPerSecond, niceness, warmUpBeam, ...options } = workerData as ForcedWorkerData;
  const { rules } = options;
  setNiceness(niceness);
  try {
    const whisper = await Whisper.load(options);
    const budgetSamples =
      warmUpBeam === null ? rules.paddedSamples : await warmUp(whisper, rules, warmUpBeam);
    answerBatches(port, new ForcedWhisper(whisper, tokensPerSecond), rules, budgetSamples);
  } catch (error) {
    const code = error instanceof LinescribeError ? error.code : null;
    port.postMessage({ type: "failed", code, message: messageOf(error) } satisfies WorkerAnswer);
  }
}
