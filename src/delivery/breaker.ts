/**
 * The breaker of one endpoint: stops sending to a receiver that fails, and lets one probe find out when it is well.
 *
 * | State | Attempts let through | Goes to |
 * |---|---|---|
 * | closed | all | open, when enough of the window fails |
 * | open | none | half-open, after `openMs` |
 * | half-open | one | closed on success, open on failure |
 *
 * While it is open no row is tried, so that an outage costs no row an attempt.
 */
import type { BreakerLimits } from "./schedule.ts";

export type BreakerState = "closed" | "open" | "half-open";

/** Results kept at most; the oldest is forgotten. Twice the concurrency of an endpoint and more. */
const RESULTS_MAXIMUM = 100;

export class Breaker {
  readonly #limits: BreakerLimits;
  #results: { at: number; ok: boolean }[] = [];
  /** When a probe may go, epoch ms; null while closed. */
  #probeAt: number | null = null;
  #probing = false;

  constructor(limits: BreakerLimits) {
    this.#limits = limits;
  }

  state(now: number): BreakerState {
    if (this.#probeAt === null) return "closed";
    return now < this.#probeAt ? "open" : "half-open";
  }

  /** Attempts that may start now: any number, one, or none. */
  permits(now: number): number {
    const state = this.state(now);
    if (state === "closed") return Number.POSITIVE_INFINITY;
    return state === "half-open" && !this.#probing ? 1 : 0;
  }

  /** When it next lets something through, epoch ms, or null when it does already. */
  opensAt(now: number): number | null {
    return this.state(now) === "open" ? this.#probeAt : null;
  }

  /** Tells it that an attempt starts. */
  started(now: number): void {
    if (this.state(now) === "half-open") this.#probing = true;
  }

  /**
   * Tells it how an attempt ended.
   *
   * @returns What changed, if anything did.
   */
  ended(ok: boolean, now: number): "opened" | "closed" | null {
    if (this.#probeAt !== null) return this.#judgeProbe(ok, now);
    const { windowMs, minimumAttempts, failingShare, openMs } = this.#limits;
    this.#results.push({ at: now, ok });
    this.#results = this.#results.filter(({ at }) => at > now - windowMs).slice(-RESULTS_MAXIMUM);
    const failing = this.#results.filter((result) => !result.ok).length;
    if (this.#results.length < minimumAttempts || failing < failingShare * this.#results.length) return null;
    this.#probeAt = now + openMs;
    this.#probing = false;
    return "opened";
  }

  /** While open, a success closes it, also of an attempt that began before; only the probe's failure counts. */
  #judgeProbe(ok: boolean, now: number): "closed" | null {
    if (ok) {
      this.#probeAt = null;
      this.#probing = false;
      this.#results = [];
      return "closed";
    }
    if (this.#probing) {
      this.#probeAt = now + this.#limits.openMs;
      this.#probing = false;
    }
    return null;
  }
}
