/**
 * The hints of one call: those of its number, and those that its stream brought as the custom parameter `hints`.
 */
import { joinHints, parseHints } from "../asr/hints.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { withHints } from "./hinted.ts";
import type { TextRecogniser } from "./ports.ts";

/** Phrases between commas, as the attribute of Twilio's `<Transcription>` of that name. */
export const HINTS_PARAMETER = "hints";

export interface CallHintsOptions {
  /** What `asHints` returned. */
  ofNumber: readonly string[];
  logger: Logger;
  counters: Counters;
}

export class CallHints {
  readonly #options: CallHintsOptions;
  #hints: readonly string[];

  constructor(options: CallHintsOptions) {
    this.#options = options;
    this.#hints = options.ofNumber;
  }

  /**
   * A stream opens. Hints that are not usable are left out as a whole and counted (`call.hintsRefused`): a call is
   * worth more than its hints.
   */
  streamOpened(parameters: Readonly<Record<string, string>>): void {
    const { ofNumber, logger, counters } = this.#options;
    try {
      const text = Object.hasOwn(parameters, HINTS_PARAMETER) ? parameters[HINTS_PARAMETER] : "";
      this.#hints = joinHints(parseHints(text ?? ""), ofNumber);
    } catch (error) {
      if (!(error instanceof LinescribeError)) throw error;
      counters.add("call.hintsRefused");
      logger.warn({ code: error.code, reason: error.message }, "the hints of a call were left out");
      this.#hints = ofNumber;
    }
  }

  /** A recogniser that is told of the hints with every utterance. */
  recogniserOf(recogniser: TextRecogniser): TextRecogniser {
    return withHints(recogniser, () => this.#hints);
  }
}
