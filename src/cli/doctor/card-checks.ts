/**
 * What recognition could run on: cards, and everything between them and us.
 */
import { cardMachine } from "../../app/card-machine.ts";
import type { AsrConfig } from "../../app/config-asr.ts";
import { modelBytes, recogniserFiles } from "../../app/model-files.ts";
import { expectModelFor } from "../../asr/device.ts";
import { readWhisperMetadata } from "../../asr/metadata.ts";
import { LinescribeError } from "../../base/error.ts";
import type { Finding } from "../../cards/finding.ts";
import { inspectCards } from "../../cards/inspection.ts";
import type { Machine } from "../../cards/machine.ts";
import type { Check } from "../doctor.ts";

/**
 * @param asr - Null when the configuration is faulty: then nothing is said of cards.
 * @param own - The user's own folder of models, or null.
 */
export async function cardChecks(
  asr: Pick<AsrConfig, "device" | "cudaModel" | "cards"> | null,
  own: string | null,
  machine: Machine = cardMachine(),
): Promise<Check[]> {
  if (asr === null) return [];
  const { device, cudaModel, cards = null } = asr;
  if (device === "cpu") return [{ name: "card", verdict: "ok", found: "none is used (asr.device is cpu)" }];
  const inspection = await inspectCards(machine, { cards, modelBytes: bytesOf(cudaModel, own) });
  const { findings } = inspection;
  const [driver] = findings;
  if (cudaModel === undefined && driver?.fault?.code === "CARD_NO_DRIVER") {
    const found = `${driver.found}: recognition runs on the processor; docs/gpu.md tells what cards need`;
    return [{ name: "card", verdict: "ok", found }];
  }
  const verdict = device === "cuda" ? "fail" : "warn";
  const model = await modelFinding(cudaModel, own);
  return [...findings, model].map((finding) => checkOf(finding, verdict));
}

function checkOf({ check: name, found, fault }: Finding, verdict: "warn" | "fail"): Check {
  return fault
    ? { name, verdict, found: `${fault.code}: ${found}`, fix: fault.remedy }
    : { name, verdict: "ok", found };
}

/** 0 when it is not known; then it has a line of its own that says why. */
function bytesOf(model: string | undefined, own: string | null): number {
  try {
    return model === undefined ? 0 : modelBytes(model, own);
  } catch {
    return 0;
  }
}

async function modelFinding(name: string | undefined, own: string | null): Promise<Finding> {
  const check = "card model";
  if (name === undefined) {
    const remedy = "get a model for cards and name it in asr.cudaModel, see docs/gpu.md";
    return {
      check,
      found: "none is configured, so cards are not used",
      fault: { code: "CARD_NO_MODEL", remedy },
    };
  }
  try {
    const { modelPath } = recogniserFiles(name, own);
    expectModelFor("cuda", await readWhisperMetadata(modelPath), modelPath);
    return { check, found: `${name} is a model for cards` };
  } catch (error) {
    if (!(error instanceof LinescribeError)) throw error;
    const remedy = "get a model for cards and name it in asr.cudaModel, see docs/gpu.md";
    return { check, found: error.message, fault: { code: error.code, remedy } };
  }
}
