/**
 * The one error class. Everything that can go wrong outside our own code is a `LinescribeError` with a code
 * from `codes.ts`; misuse by our own code is a `TypeError` or `RangeError` and is never caught.
 */
import type { ErrorCode } from "./codes.ts";

export interface LinescribeErrorOptions {
  /** Whether the same request may succeed later without being changed. Default false. */
  retryable?: boolean;
  cause?: unknown;
}

export class LinescribeError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, { retryable = false, cause }: LinescribeErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "LinescribeError";
    this.code = code;
    this.retryable = retryable;
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
