/**
 * Starts recognition on what it may and can run on: cards, or the processor.
 */
import { CPU, type Device } from "../asr/device.ts";
import { Recogniser, type RecogniserOptions } from "../asr/recogniser.ts";
import type { ErrorCode } from "../base/codes.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Machine } from "../cards/machine.ts";
import { type CardPlan, planCards } from "./card-plan.ts";
import { type Config, chooseThreads } from "./config.ts";
import { verifiedFiles } from "./model-files.ts";

/** What recognises. */
export interface Recognition {
  recogniser: Recogniser;
  /** Name of the model that runs. */
  model: string;
  /** Of each worker. */
  devices: readonly Device[];
  workers: number;
  threads: number;
  /** Why it does not run on the cards that it could have run on; null when all is as configured. */
  fallback: ErrorCode | null;
}

export interface RecognitionOptions {
  asr: Config["asr"];
  /** Folder with `manifest.json`. */
  models: string;
  machine: Machine;
  logger: Logger;
  counters: Counters;
  /** `Recogniser.start`; tests have another. */
  start?: (options: RecogniserOptions) => Promise<Recogniser>;
}

/**
 * With `asr.device` `auto` whatever is wrong with cards is one loud line, and the processor works; with `cuda` it is an
 * error.
 *
 * @throws {LinescribeError} `MODEL_...`; with `cuda` also `CARD_...`.
 */
export async function startRecognition(options: RecognitionOptions): Promise<Recognition> {
  const { asr, logger, models } = options;
  // The processor's model in any case: it is what is left when a card is lost.
  const files = await verifiedFiles(asr.model, "cpu", models);
  let fallback: ErrorCode | null = null;
  try {
    const plan = await planCards(options);
    if (plan) return await startOnCards(plan, options);
  } catch (error) {
    if (!(error instanceof LinescribeError) || asr.device === "cuda") throw error;
    fallback = error.code;
    logger.warn(
      { code: error.code, reason: error.message, model: asr.model },
      "no card is used, recognition runs on the processor; linescribe doctor tells more",
    );
  }
  const { workers, threads } = chooseThreads(asr);
  const devices = Array.from({ length: workers }, () => CPU);
  const recogniser = await startRecogniser({ ...files, devices, threads }, options);
  return { recogniser, model: asr.model, devices, workers, threads, fallback };
}

async function startOnCards(
  { model, files, devices }: CardPlan,
  options: RecognitionOptions,
): Promise<Recognition> {
  // As nvidia-smi counts, by which asr.cards names them; CUDA's own order begins with the fastest.
  process.env.CUDA_DEVICE_ORDER = "PCI_BUS_ID";
  const threads = options.asr.threads || 1;
  const recogniser = await startRecogniser({ ...files, devices, threads }, options);
  return { recogniser, model, devices, workers: devices.length, threads, fallback: null };
}

function startRecogniser(
  what: Pick<RecogniserOptions, "modelPath" | "tokenizerPath" | "threads"> & { devices: readonly Device[] },
  { asr, logger, counters, start = (options) => Recogniser.start(options) }: RecognitionOptions,
): Promise<Recogniser> {
  return start({ ...what, workers: what.devices.length, beam: asr.beam, logger, counters });
}
