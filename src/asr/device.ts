/**
 * What recognition runs on, and which models are for it.
 */
import { LinescribeError } from "../base/error.ts";
import type { WhisperMetadata } from "./metadata.ts";

/** What runs a recognition worker: processor cores, or one CUDA card by its index. */
export type Device = { readonly kind: "cpu" } | { readonly kind: "cuda"; readonly card: number };

export const CPU: Device = { kind: "cpu" };

/** `cpu`, or a card as `cuda:0`: for logs and people. */
export function showDevice(device: Device): string {
  return device.kind === "cpu" ? "cpu" : `cuda:${device.card}`;
}

/**
 * Refuses a model that was exported for the other kind of device: half precision is slow and not complete on processors,
 * blocks of 8 bits are on cards.
 *
 * @throws {LinescribeError} `MODEL_WRONG_DEVICE`.
 */
export function expectModelFor(
  kind: Device["kind"],
  { model, device }: Pick<WhisperMetadata, "model" | "device">,
  modelPath: string,
): void {
  if (device === kind) return;
  const [is, needed] = device === "cuda" ? ["a CUDA card", "a processor"] : ["a processor", "a CUDA card"];
  const remedy =
    device === "cuda"
      ? "name it in asr.cudaModel, and a model for the processor in asr.model"
      : "name a model for cards in asr.cudaModel, see docs/gpu.md";
  throw new LinescribeError(
    "MODEL_WRONG_DEVICE",
    `${modelPath} (${model}) was exported for ${is} and shall run on ${needed}; ${remedy}`,
  );
}
