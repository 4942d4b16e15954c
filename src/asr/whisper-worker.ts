/**
 * Worker thread that owns one Whisper session and answers one batch at a time.
 */
import { parentPort, workerData } from "node:worker_threads";
import { LinescribeError, messageOf } from "../base/error.ts";
import { setNiceness } from "../base/niceness.ts";
import type { BatchRules } from "./batch-rules.ts";
import type { Device } from "./device.ts";
import { warmUp } from "./warm-up.ts";
import { Whisper, type WhisperOptions } from "./whisper.ts";
import { answerBatches, type WorkerAnswer } from "./whisper-desk.ts";

export interface WhisperWorkerData extends WhisperOptions {
  device: Device;
  rules: BatchRules;
  /** Niceness of this thread and of the inference threads it starts, 0..19. */
  niceness: number;
  /** Beam width of the largest batch, which is tried before the first call; null: nothing is tried. */
  warmUpBeam: number | null;
}

const port = parentPort;
if (port) {
  const { niceness, warmUpBeam, ...options } = workerData as WhisperWorkerData;
  const { rules } = options;
  setNiceness(niceness);
  try {
    const whisper = await Whisper.load(options);
    const budgetSamples =
      warmUpBeam === null ? rules.paddedSamples : await warmUp(whisper, rules, warmUpBeam);
    answerBatches(port, whisper, rules, budgetSamples);
  } catch (error) {
    const code = error instanceof LinescribeError ? error.code : null;
    port.postMessage({ type: "failed", code, message: messageOf(error) } satisfies WorkerAnswer);
  }
}
