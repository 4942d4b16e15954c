/**
 * Starts recognition on what it may and can run on: cards, or the processor.
 */
import { CPU, type Device } from "../asr/device.ts";
import { Recogniser } from "../asr/recogniser.ts";
import type { CardPlan, ModelFiles, RecogniserOptions } from "../asr/recogniser-options.ts";
import type { ErrorCode } from "../base/codes.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Machine } from "../cards/machine.ts";
import { type ChosenCards, planCards } from "./card-plan.ts";
import { type Config, chooseThreads } from "./config.ts";
import { verifiedFiles } from "./model-files.ts";

/** What recognises. */
export interface Recognition {
  recogniser: Recogniser;
  /** Name of the model that runs. */
  model: string;
  /** Of each worker that recognises: cards, or processors. */
  devices: readonly Device[];
  /** Workers on the processor, what stands by included, and threads of each. */
  workers: number;
  threads: number;
  /** Why it does not run on the cards that it could have run on; null when all is as configured. */
  fallback: ErrorCode | null;
}

export interface RecognitionOptions {
  asr: Config["asr"];
  /** The user's own folder of models, looked in beside the package's; or null. */
  models: string | null;
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
 * @throws {LinescribeError} `MODEL_...`; with `cuda` also `CARD_...`, `ASR_CARD_LOST`, `ASR_TIMEOUT` or `ASR_OUT_OF_MEMORY`.
 */
export async function startRecognition(options: RecognitionOptions): Promise<Recognition> {
  const { asr, logger, models } = options;
  // The processor's model in any case: it is what is left when a card is lost.
  const files = await verifiedFiles(asr.model, "cpu", models);
  let fallback: ErrorCode | null = null;
  try {
    const plan = await planCards(options);
    if (plan) return await startOnCards(files, plan, options);
  } catch (error) {
    if (!(error instanceof LinescribeError) || asr.device === "cuda") throw error;
    fallback = error.code;
    logger.warn(
      { code: error.code, reason: error.message, model: asr.model },
      "no card is used, recognition runs on the processor; linescribe doctor tells more",
    );
  }
  const recogniser = await startRecogniser(files, null, options);
  const { workers, threads } = chooseThreads(asr);
  const devices = Array.from({ length: workers }, () => CPU);
  return { recogniser, model: asr.model, devices, workers, threads, fallback };
}

/** The processor's model stands by. */
async function startOnCards(
  files: ModelFiles,
  plan: ChosenCards,
  options: RecognitionOptions,
): Promise<Recognition> {
  // As nvidia-smi counts, by which asr.cards names them; CUDA's own order begins with the fastest.
  process.env.CUDA_DEVICE_ORDER = "PCI_BUS_ID";
  const { model, devices, needsAll } = plan;
  const recogniser = await startRecogniser(files, { ...plan.files, devices, needsAll }, options);
  return { recogniser, model, devices, fallback: null, ...chooseThreads(options.asr) };
}

function startRecogniser(
  files: ModelFiles,
  cards: CardPlan | null,
  { asr, logger, counters, start = (options) => Recogniser.start(options) }: RecognitionOptions,
): Promise<Recogniser> {
  return start({ ...files, ...chooseThreads(asr), cards, beam: asr.beam, logger, counters });
}
