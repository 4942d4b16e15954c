/**
 * The models of the running program: verified, loaded, one detector and one recogniser for everybody.
 */
import { showDevice } from "../asr/device.ts";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { Machine } from "../cards/machine.ts";
import { readModels } from "../models/folders.ts";
import { findModel, verifyModel } from "../models/manifest.ts";
import { SpeechDetector } from "../vad/detector.ts";
import { cardMachine } from "./card-machine.ts";
import type { Config } from "./config.ts";
import { type Recognition, startRecognition } from "./recognition.ts";

export const VAD_MODEL = "silero-vad-6.2";
/** Frames of one track that may wait for speech detection: 5 minutes. A replay at full speed runs ahead that far. */
const VAD_QUEUE_FRAMES = 9375;

export interface Engine extends Recognition {
  detector: SpeechDetector;
  close(): Promise<void>;
}

export interface EngineOptions {
  asr: Config["asr"];
  /** Threads for speech detection. Default 1. */
  vadWorkers?: number;
  logger: Logger;
  counters: Counters;
  /** The user's own folder of models, looked in beside the package's; none by default. */
  models?: string | null;
  /** Where cards are looked for; this machine by default. */
  machine?: Machine;
}

/**
 * Verifies and loads the models, and starts the workers.
 *
 * @throws {LinescribeError} `MODEL_MISSING`, `MODEL_AMBIGUOUS`, `MODEL_ALTERED` or `MODEL_WRONG_DEVICE`; with `asr.device` `cuda` also
 *   `CARD_...`.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { asr, logger, counters, vadWorkers = 1, models = null, machine = cardMachine() } = options;
  const vad = findModel(readModels(models), VAD_MODEL);
  const modelPath = await verifyModel(vad, vad.folder);
  const queueMaximumFrames = VAD_QUEUE_FRAMES;
  const detector = await SpeechDetector.start({
    modelPath,
    logger,
    counters,
    workers: vadWorkers,
    queueMaximumFrames,
  });
  try {
    const recognition = await startRecognition({ asr, models, machine, logger, counters });
    const { recogniser, model, workers, threads, fallback } = recognition;
    const devices = recognition.devices.map(showDevice);
    logger.info({ model, devices, workers, threads, beam: asr.beam, fallback, vadWorkers }, "engine started");
    return {
      detector,
      ...recognition,
      close: async () => {
        await Promise.all([detector.close(), recogniser.close()]);
      },
    };
  } catch (error) {
    await detector.close();
    throw error;
  }
}
