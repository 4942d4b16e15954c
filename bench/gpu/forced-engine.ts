/**
 * The engine of random weights: as the server's, but its workers give every utterance a number of tokens.
 */
import { VAD_MODEL } from "../../src/app/engine.ts";
import { recogniserFiles } from "../../src/app/model-files.ts";
import type { Device } from "../../src/asr/device.ts";
import { Recogniser } from "../../src/asr/recogniser.ts";
import type { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { findModel, modelsDirectory, readManifest, verifyModel } from "../../src/models/manifest.ts";
import { SpeechDetector } from "../../src/vad/detector.ts";
import { forcedWorkers } from "./forced-worker.ts";
import type { BenchModel } from "./model.ts";

export interface ForcedEngineOptions {
  model: Pick<BenchModel, "modelPath" | "tokenizerPath">;
  device: Device;
  tokensPerSecond: number;
  /** Threads of speech detection. */
  vadWorkers: number;
  /** On the processor. */
  workers: number;
  threads: number;
  counters: Counters;
}

/** What stands by for a card. */
const FALLBACK = { model: "whisper-base", workers: 1 };
/** 5 minutes of one track, as in the server. */
const QUEUE_MAXIMUM_FRAMES = 9375;

export async function startForcedEngine(options: ForcedEngineOptions) {
  const { device, tokensPerSecond, vadWorkers, threads, counters } = options;
  const { modelPath, tokenizerPath } = options.model;
  const files = { modelPath, tokenizerPath };
  const common = { logger: silentLogger, counters };
  const vad = await verifyModel(findModel(readManifest(), VAD_MODEL), modelsDirectory());
  const detector = await SpeechDetector.start({
    modelPath: vad,
    workers: vadWorkers,
    queueMaximumFrames: QUEUE_MAXIMUM_FRAMES,
    ...common,
  });
  const isCard = device.kind === "cuda";
  const workers = isCard ? FALLBACK.workers : options.workers;
  try {
    const recogniser = await Recogniser.start({
      ...(isCard ? recogniserFiles(FALLBACK.model) : files),
      workers,
      threads,
      rules: { keepsStates: false },
      cards: isCard ? { ...files, devices: [device] } : null,
      spawn: forcedWorkers(tokensPerSecond),
      ...common,
    });
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
