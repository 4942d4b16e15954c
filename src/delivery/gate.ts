/**
 * The gate of one endpoint: how many attempts may start now, so that a slow or failing receiver holds up nobody else.
 */
import { Breaker, type BreakerState } from "./breaker.ts";
import type { BreakerLimits } from "./schedule.ts";
import type { AnswerClass } from "./verdict.ts";

export class Gate {
  readonly #maximum: number;
  readonly #breaker: Breaker;
  /** Calls whose head is in flight to this endpoint, or whose result is not yet recorded. */
  readonly #inFlight = new Set<string>();
  /** Attempts at a time: halved when the receiver throttles, one more for each success. */
  #limit: number;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #acceptedAt: number | null = null;

  /** @param maximum - Attempts at a time, >= 1. */
  constructor(maximum: number, limits: BreakerLimits) {
    this.#maximum = maximum;
    this.#limit = maximum;
    this.#breaker = new Breaker(limits);
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** When the endpoint last accepted anything, epoch ms, or null. */
  get acceptedAt(): number | null {
    return this.#acceptedAt;
  }

  breakerState(now: number): BreakerState {
    return this.#breaker.state(now);
  }

  has(callSid: string): boolean {
    return this.#inFlight.has(callSid);
  }

  /** Attempts that may start now, >= 0. */
  free(now: number): number {
    if (now < this.#pausedUntil) return 0;
    return Math.max(0, Math.min(this.#limit - this.#inFlight.size, this.#breaker.permits(now)));
  }

  /** When a closed gate opens by itself, epoch ms, or null when only the end of an attempt can open it. */
  opensAt(now: number): number | null {
    if (now < this.#pausedUntil) return this.#pausedUntil;
    return this.#breaker.opensAt(now);
  }

  pauseUntil(at: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, at);
  }

  started(callSid: string, now: number): void {
    this.#inFlight.add(callSid);
    this.#breaker.started(now);
  }

  /** Tells it what came of an attempt; its call stays in flight until `release`. */
  ended(answer: AnswerClass, now: number): "opened" | "closed" | null {
    if (answer === "accepted") {
      this.#acceptedAt = now;
      this.#limit = Math.min(this.#maximum, this.#limit + 1);
    }
    if (answer === "throttled") this.#limit = Math.max(1, Math.floor(this.#limit / 2));
    // A receiver that refuses a content or is gone answers: it is no outage.
    return this.#breaker.ended(answer !== "failed" && answer !== "throttled", now);
  }

  /** The result is recorded: the next row of the call may go. */
  release(callSid: string): void {
    this.#inFlight.delete(callSid);
  }
}

/** The gates of all endpoints that were ever due; the configuration bounds them. */
export class Gates {
  readonly #gates = new Map<string, Gate>();
  readonly #maximum: number;
  readonly #limits: BreakerLimits;

  constructor(maximum: number, limits: BreakerLimits) {
    this.#maximum = maximum;
    this.#limits = limits;
  }

  of(endpoint: string): Gate {
    let gate = this.#gates.get(endpoint);
    if (gate === undefined) {
      gate = new Gate(this.#maximum, this.#limits);
      this.#gates.set(endpoint, gate);
    }
    return gate;
  }

  /** Attempts that run, or whose result is not recorded yet. */
  get inFlight(): number {
    let sum = 0;
    for (const gate of this.#gates.values()) sum += gate.inFlight;
    return sum;
  }

  breakerStates(now: number): Record<string, BreakerState> {
    return Object.fromEntries([...this.#gates].map(([endpoint, gate]) => [endpoint, gate.breakerState(now)]));
  }
}
