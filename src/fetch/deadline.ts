/**
 * When a request is given up: after its time, or because its caller says so.
 */
import { LinescribeError } from "../base/error.ts";

export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | null;
  readonly #timeoutMs: number;
  readonly #onCaller = (): void => this.#controller.abort(this.#caller?.reason);
  #timedOut = false;

  constructor(timeoutMs: number, caller: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    this.#caller = caller ?? null;
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#controller.abort();
    }, timeoutMs);
    if (caller?.aborted) this.#onCaller();
    caller?.addEventListener("abort", this.#onCaller);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCaller);
  }

  /** Whether the caller gave the request up before its time was over. */
  get cancelled(): boolean {
    return !this.#timedOut && this.#caller?.aborted === true;
  }

  /** What is behind an error that was thrown while the request ran. */
  explain(error: unknown): unknown {
    if (this.cancelled) return this.#caller?.reason;
    if (!this.#timedOut) return error;
    const message = `The URL was not answered in full within ${this.#timeoutMs} ms`;
    return new LinescribeError("FETCH_TIMEOUT", message, { retryable: true, cause: error });
  }
}
