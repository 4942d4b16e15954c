/**
 * What a recognition worker does with the batches that it is sent: one at a time, each answered once.
 */
import type { ErrorCode } from "../base/codes.ts";
import { messageOf } from "../base/error.ts";
import type { BatchRules } from "./batch-rules.ts";
import { recogniseFinals } from "./ladder.ts";
import { type Engine, type Portion, Portions } from "./portions.ts";
import type { OpenAudio, UtteranceAudio } from "./whisper.ts";

export interface BatchRequest {
  batch: number;
  utterances: UtteranceAudio[];
  /** Beam width of finals that are searched again, 1 to 5. */
  beam: number;
  /** Whether the result will be a final: then it is worth retries and the times of its words. */
  final: boolean;
}

export type WorkerAnswer =
  | { type: "ready"; budgetSamples: number }
  | { type: "failed"; code: ErrorCode | null; message: string }
  | {
      type: "done";
      batch: number;
      portions: Portion[];
      /** Inferences that did not fit, and what fits now, samples with padding. */
      outOfMemory: number;
      budgetSamples: number;
    }
  | { type: "rejected"; batch: number; message: string };

/** The side of the worker of what batches come over. */
export interface BatchPort {
  on(event: "message", listener: (request: BatchRequest) => void): unknown;
  postMessage(answer: WorkerAnswer): void;
}

/** @param budgetSamples - Samples of one inference, padding included, that are known to fit. */
export function answerBatches(
  port: BatchPort,
  engine: Engine,
  rules: BatchRules,
  budgetSamples: number,
): void {
  const portions = new Portions(engine, rules, budgetSamples);
  port.on("message", async ({ batch, utterances, beam, final }) => {
    try {
      const answered = final
        ? await recogniseFinals(portions, utterances, beam, rules.keepsStates)
        : await recognisePartials(portions, utterances);
      const outOfMemory = portions.takeFailures();
      const { budgetSamples } = portions;
      port.postMessage({ type: "done", batch, portions: answered, outOfMemory, budgetSamples });
    } catch (error) {
      port.postMessage({ type: "rejected", batch, message: messageOf(error) });
    }
  });
  port.postMessage({ type: "ready", budgetSamples });
}

/** An utterance whose language is to be found out has no draft. */
function recognisePartials(portions: Portions, utterances: UtteranceAudio[]): Promise<Portion[]> {
  const open = utterances.filter((utterance): utterance is OpenAudio => "draft" in utterance);
  return open.length === utterances.length
    ? portions.recogniseOpen(open)
    : portions.recognise(utterances, { beam: 1 });
}
