/**
 * Whether recognition runs on cards, on which, and with what model; or why it does not.
 */
import type { Device } from "../asr/device.ts";
import type { ModelFiles } from "../asr/recogniser-options.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { errorOf, type Finding } from "../cards/finding.ts";
import { inspectCards } from "../cards/inspection.ts";
import type { Machine } from "../cards/machine.ts";
import type { AsrConfig } from "./config-asr.ts";
import { modelBytes, verifiedFiles } from "./model-files.ts";

export interface ChosenCards {
  model: string;
  files: ModelFiles;
  /** One worker each. */
  devices: readonly Device[];
  /** Whether each of them has to start: they were named, and nothing else may recognise. */
  needsAll: boolean;
}

export interface CardPlanOptions {
  asr: Pick<AsrConfig, "device" | "cudaModel" | "cards">;
  machine: Machine;
  /** The user's own folder of models, looked in beside the package's; or null. */
  models: string | null;
  logger: Logger;
}

/**
 * Chooses cards, if the configuration allows them and names a model for them.
 *
 * @returns Null where recognition is to run on the processor by configuration.
 * @throws {LinescribeError} the first thing in the way (`CARD_...`, `MODEL_...`), with all others in its message.
 */
export async function planCards({
  asr,
  machine,
  models,
  logger,
}: CardPlanOptions): Promise<ChosenCards | null> {
  const { device, cudaModel, cards = null } = asr;
  if (device === "cpu" || cudaModel === undefined) return null;
  const inspection = await inspectCards(machine, { cards, modelBytes: modelBytes(cudaModel, models) });
  const faults = faultsOf(inspection);
  const needsAll = device === "cuda" && cards !== null;
  if (inspection.usable.length === 0 || (needsAll && faults.length > 0)) throw together(faults);
  for (const { code, message } of faults) logger.warn({ code, reason: message }, "a card is not used");
  const files = await verifiedFiles(cudaModel, "cuda", models);
  const devices = inspection.usable.map(({ index }): Device => ({ kind: "cuda", card: index }));
  return { model: cudaModel, files, devices, needsAll };
}

export function faultsOf({ findings }: { findings: readonly Finding[] }): LinescribeError[] {
  return findings.flatMap((finding) => errorOf(finding) ?? []);
}

/** The first error, with the messages of all. */
function together(faults: readonly LinescribeError[]): LinescribeError {
  const [first] = faults;
  if (!first) return new LinescribeError("CARD_NOT_THERE", "No card can be used");
  return new LinescribeError(first.code, faults.map(({ message }) => message).join("\n"));
}
