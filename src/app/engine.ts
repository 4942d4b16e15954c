/**
 * The models of the running program: verified, loaded, one detector and one recogniser for everybody.
 */
import path from "node:path";
import { Recogniser } from "../asr/recogniser.ts";
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import {
  findModel,
  type Manifest,
  type ModelEntry,
  modelsDirectory,
  readManifest,
  verifyModel,
} from "../models/manifest.ts";
import { SpeechDetector } from "../vad/detector.ts";
import { type Config, chooseThreads } from "./config.ts";

export const VAD_MODEL = "silero-vad-6.2";
/** Frames of one track that may wait for speech detection: 5 minutes. A replay at full speed runs ahead that far. */
const VAD_QUEUE_FRAMES = 9375;

export interface Engine {
  detector: SpeechDetector;
  recogniser: Recogniser;
  workers: number;
  threads: number;
  close(): Promise<void>;
}

export interface EngineOptions {
  asr: Config["asr"];
  logger: Logger;
  counters: Counters;
  /** Folder with `manifest.json`; the package's own by default. */
  models?: string;
}

/** Entries of a recognition model and of its tokenizer, which is called after it. */
function entriesOf(manifest: Manifest, model: string): { model: ModelEntry; tokenizer: ModelEntry } {
  return { model: findModel(manifest, model), tokenizer: findModel(manifest, `${model}.tokenizer`) };
}

/** Paths of a recognition model and its tokenizer. */
export function recogniserFiles(
  name: string,
  models = modelsDirectory(),
): { modelPath: string; tokenizerPath: string } {
  const { model, tokenizer } = entriesOf(readManifest(models), name);
  return { modelPath: path.join(models, model.file), tokenizerPath: path.join(models, tokenizer.file) };
}

/**
 * Verifies and loads the models, and starts the workers.
 *
 * @throws {LinescribeError} `MODEL_MISSING` or `MODEL_ALTERED`.
 */
export async function startEngine({ asr, logger, counters, models }: EngineOptions): Promise<Engine> {
  const directory = models ?? modelsDirectory();
  const manifest = readManifest(directory);
  const { model, tokenizer } = entriesOf(manifest, asr.model);
  const vad = findModel(manifest, VAD_MODEL);
  const [vadPath, modelPath, tokenizerPath] = await Promise.all([
    verifyModel(vad, directory),
    verifyModel(model, directory),
    verifyModel(tokenizer, directory),
  ]);
  const { workers, threads } = chooseThreads(asr);
  const detector = await SpeechDetector.start({
    modelPath: vadPath,
    logger,
    counters,
    queueMaximumFrames: VAD_QUEUE_FRAMES,
  });
  try {
    const recogniser = await Recogniser.start({
      modelPath,
      tokenizerPath,
      workers,
      threads,
      beam: asr.beam,
      logger,
      counters,
    });
    logger.info({ model: asr.model, workers, threads, beam: asr.beam }, "engine started");
    return {
      detector,
      recogniser,
      workers,
      threads,
      close: async () => {
        await Promise.all([detector.close(), recogniser.close()]);
      },
    };
  } catch (error) {
    await detector.close();
    throw error;
  }
}
