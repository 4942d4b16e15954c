/**
 * One thing that was looked at on the way to a card: what was found, and what is wrong with it.
 */
import type { ErrorCode } from "../base/codes.ts";
import { LinescribeError } from "../base/error.ts";

export interface Finding {
  /** What was looked at: a word or two. */
  readonly check: string;
  readonly found: string;
  /** Why no card, or not this one, can be used; absent when all is well. */
  readonly fault?: { readonly code: ErrorCode; readonly remedy: string };
}

/** A finding with a fault, as the error that it would be where a card is needed; null when all is well. */
export function errorOf({ found, fault }: Finding): LinescribeError | null {
  return fault ? new LinescribeError(fault.code, `${found}; ${fault.remedy}`) : null;
}
