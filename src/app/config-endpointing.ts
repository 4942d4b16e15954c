/**
 * How utterances are ended: for all numbers, and where a number trades differently.
 */
import { messageOf } from "../base/error.ts";
import { asEndpointerOptions, type EndpointerOptions } from "../vad/endpointer-options.ts";
import { endpointerOptions } from "../vad/profile.ts";
import type { ConfigFile, NumberConfig } from "./config-schema.ts";

/** What a call needs to know of the end of its utterances. */
export interface Endpointing {
  endpointer: Readonly<EndpointerOptions>;
  /** Silence after which an utterance is shown live as complete, ms. */
  endpointMs: number;
}

/** The endpointer of a profile with the values set beside it; what does not go together is added to `faults`. */
export function endpointerOf(
  { profile, workers: _workers, endpointMs: _endpointMs, ...overrides }: ConfigFile["vad"],
  faults: string[],
): Readonly<EndpointerOptions> {
  const set = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  try {
    return endpointerOptions(profile, set);
  } catch (error) {
    faults.push(`vad: ${messageOf(error)}`);
    return endpointerOptions(profile);
  }
}

/** That of one number: its values over those of all numbers; what does not go together is added to `faults`. */
export function endpointingOf(
  own: NumberConfig["endpointing"],
  common: Endpointing,
  faults: string[],
): Endpointing {
  const { endpointMs = common.endpointMs, silenceMs = common.endpointer.silenceMs } = own ?? {};
  try {
    return { endpointer: asEndpointerOptions({ ...common.endpointer, silenceMs }), endpointMs };
  } catch (error) {
    faults.push(`endpointing: ${messageOf(error)}`);
    return common;
  }
}
