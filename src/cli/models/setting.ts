/**
 * What a person sets so that a model of the folder is used.
 */
import type { WhisperMetadata } from "../../asr/metadata.ts";

const SETTINGS = {
  cpu: ["asr.model", "LINESCRIBE_ASR_MODEL"],
  cuda: ["asr.cudaModel", "LINESCRIBE_ASR_CUDA_MODEL"],
} as const;

/** @param device - What the model was exported for. */
export function settingFor(device: WhisperMetadata["device"], name: string): string {
  const [setting, variable] = SETTINGS[device];
  return `set ${setting} (${variable}) to ${name}`;
}
