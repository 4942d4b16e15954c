/**
 * A recognition worker with the real engine on the processor, and the memory and the faults of a card that are made up.
 */
import { parentPort, type Worker, workerData } from "node:worker_threads";
import { paddedSamples } from "../../src/asr/batch-rules.ts";
import { warmUp } from "../../src/asr/warm-up.ts";
import { type UtteranceAudio, Whisper } from "../../src/asr/whisper.ts";
import { answerBatches } from "../../src/asr/whisper-desk.ts";
import type { WhisperWorkerData } from "../../src/asr/whisper-worker.ts";
import { windowSamples } from "../../src/asr/window.ts";
import { LinescribeError, messageOf } from "../../src/base/error.ts";
import { startWorker } from "../../src/base/worker.ts";
import { CARD_LOST, OUT_OF_MEMORY } from "../asr/fake-card.ts";

export interface Faults {
  /** Samples of one inference, padding included. */
  memorySamples: number;
  /** Inferences after which the card is lost, and cannot be had again. Shared by all workers. [1] */
  inferences: Int32Array<SharedArrayBuffer>;
}

interface FaultyData extends WhisperWorkerData {
  faults: Faults;
}

export function startFaulty(data: WhisperWorkerData, faults: Faults): Worker {
  return startWorker(import.meta.url, "faulty-card", {
    workerData: { ...data, faults } satisfies FaultyData,
  });
}

const port = parentPort;
if (port && "faults" in workerData) {
  const { faults, warmUpBeam, ...options } = workerData as FaultyData;
  const { rules } = options;
  try {
    if (Atomics.load(faults.inferences, 0) <= 0) throw new Error(CARD_LOST);
    const whisper = await Whisper.load(options);
    const check = (windows: number[]): void => {
      if (paddedSamples(windows, rules) > faults.memorySamples) throw new Error(OUT_OF_MEMORY);
    };
    const begin = (utterances: readonly UtteranceAudio[], padSamples?: number): void => {
      if (Atomics.sub(faults.inferences, 0, 1) <= 0) throw new Error(CARD_LOST);
      const { tailPool } = whisper.metadata;
      check(utterances.map(({ pcm16k }) => windowSamples(pcm16k.length, tailPool, padSamples)));
    };
    const engine = {
      metadata: whisper.metadata,
      recognise: async (...asked: Parameters<Whisper["recognise"]>) => {
        begin(asked[0], asked[1].padSamples);
        return whisper.recognise(...asked);
      },
      recogniseOpen: async (...asked: Parameters<Whisper["recogniseOpen"]>) => {
        begin(asked[0]);
        return whisper.recogniseOpen(...asked);
      },
      recogniseAgain: whisper.recogniseAgain.bind(whisper),
      exercise: async (rows: number, samples: number) => {
        check(new Array<number>(rows).fill(samples));
        return 0;
      },
    };
    const budget = warmUpBeam === null ? rules.paddedSamples : await warmUp(engine, rules, warmUpBeam);
    answerBatches(port, engine, rules, budget);
  } catch (error) {
    const code = error instanceof LinescribeError ? error.code : null;
    port.postMessage({ type: "failed", code, message: messageOf(error) });
  }
}
