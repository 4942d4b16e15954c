/**
 * When a client is told how much of its audio was taken: seldom enough to cost nothing, often enough to resend little.
 */
import type { Session } from "../session/session.ts";

/** Audio that was not acknowledged, and time since the last acknowledgement, before there is another, ms. */
const AUDIO_MS = 500;
const INTERVAL_MS = 250;

export class Acks {
  readonly #session: Pick<Session, "samples" | "receivedMs">;
  readonly #monotonic: () => number;
  #samples: number;
  #receivedMs: number;
  #at: number;

  /** @param monotonic - Ms. */
  constructor(session: Pick<Session, "samples" | "receivedMs">, monotonic: () => number) {
    this.#session = session;
    this.#monotonic = monotonic;
    this.#samples = session.samples;
    this.#receivedMs = session.receivedMs;
    this.#at = monotonic();
  }

  /** Whether an acknowledgement is worth its message. */
  get due(): boolean {
    const { receivedMs } = this.#session;
    return receivedMs - this.#receivedMs >= AUDIO_MS && this.#monotonic() - this.#at >= INTERVAL_MS;
  }

  /** Whole samples taken so far; null when the client knows. */
  take(): number | null {
    const { samples, receivedMs } = this.#session;
    if (samples === this.#samples) return null;
    this.#samples = samples;
    this.#receivedMs = receivedMs;
    this.#at = this.#monotonic();
    return samples;
  }
}
