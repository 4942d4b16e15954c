/**
 * The parts of the accuracy bench: what each measures, prints and promises.
 */
import type { PartContext, PartResult } from "./part.ts";
import { measureDigits, measureLongSpeech, measureMusic, measureNoise } from "./parts-hard.ts";
import {
  measureIsolated,
  measureLanguages,
  measureLive,
  measurePrompts,
  measureUtterances,
} from "./parts-speech.ts";

export interface PartMeasure {
  needsRecordings: boolean;
  measure(context: PartContext): Promise<PartResult>;
}

export const PARTS = {
  isolated: { needsRecordings: false, measure: measureIsolated },
  live: { needsRecordings: false, measure: measureLive },
  prompts: { needsRecordings: true, measure: measurePrompts },
  utterances: { needsRecordings: true, measure: measureUtterances },
  languages: { needsRecordings: true, measure: measureLanguages },
  noise: { needsRecordings: true, measure: measureNoise },
  music: { needsRecordings: true, measure: measureMusic },
  long: { needsRecordings: true, measure: measureLongSpeech },
  digits: { needsRecordings: false, measure: measureDigits },
} as const satisfies Record<string, PartMeasure>;

export type Part = keyof typeof PARTS;
