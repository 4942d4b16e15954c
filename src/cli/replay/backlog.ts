/**
 * The backlog signal that keeps a replay at `max` from filling the server's memory.
 *
 * `GET /healthz` answers JSON whose `backlogMs` is the most media time that any live call has received but not
 * processed. The replayer asks after each 2 s of media and waits while the answer is above 10 s, so that a call never
 * has more than about 12 s of sound waiting. A server that does not tell is not waited for.
 */
import { pause } from "./call-clock.ts";

const ASK_EVERY_MS = 2_000;
const BACKLOG_MAXIMUM_MS = 10_000;
const ASK_AGAIN_MS = 25;
const TIMEOUT_MS = 5_000;

export class BacklogSignal {
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;
  #askAtMs = 0;
  #waits = 0;

  /** @param connectUrl - Any URL of the server as it can be reached. */
  constructor(connectUrl: string, signal?: AbortSignal) {
    this.#url = new URL("/healthz", connectUrl).href;
    this.#signal = signal;
  }

  /** How often the answer was to wait. */
  get waits(): number {
    return this.#waits;
  }

  /** Returns when the server has room for media up to `positionMs` of the recording. */
  async room(positionMs: number): Promise<void> {
    if (positionMs < this.#askAtMs) return;
    this.#askAtMs = positionMs + ASK_EVERY_MS;
    while (!this.#signal?.aborted && (await this.#backlogMs()) > BACKLOG_MAXIMUM_MS) {
      this.#waits += 1;
      await pause(ASK_AGAIN_MS, this.#signal);
    }
  }

  async #backlogMs(): Promise<number> {
    try {
      const response = await fetch(this.#url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const { backlogMs } = (await response.json()) as { backlogMs?: unknown };
      return typeof backlogMs === "number" ? backlogMs : 0;
    } catch {
      return 0;
    }
  }
}
