/**
 * The life of a recognition worker: it loads the model, tries the largest batch, says that it is ready, and answers batches.
 */
import type { MessagePort } from "node:worker_threads";
import { LinescribeError, messageOf } from "../base/error.ts";
import { setNiceness } from "../base/niceness.ts";
import type { Engine } from "./portions.ts";
import { warmUp } from "./warm-up.ts";
import { Whisper } from "./whisper.ts";
import { answerBatches, type WorkerAnswer } from "./whisper-desk.ts";
import type { WhisperWorkerData } from "./whisper-worker.ts";

/** @param engineOf - What answers in place of the session itself; it has been tried by then. */
export async function serveWhisper(
  port: MessagePort,
  { niceness, warmUpBeam, ...options }: WhisperWorkerData,
  engineOf: (whisper: Whisper) => Engine = (whisper) => whisper,
): Promise<void> {
  const { rules } = options;
  setNiceness(niceness);
  try {
    const whisper = await Whisper.load(options);
    const budgetSamples =
      warmUpBeam === null ? rules.paddedSamples : await warmUp(whisper, rules, warmUpBeam);
    answerBatches(port, engineOf(whisper), rules, budgetSamples);
  } catch (error) {
    const code = error instanceof LinescribeError ? error.code : null;
    port.postMessage({ type: "failed", code, message: messageOf(error) } satisfies WorkerAnswer);
  }
}
