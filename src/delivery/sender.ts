/**
 * The sender: takes the due heads of lanes from the store, posts them, and records what came of it.
 *
 * Nothing is written when a row is taken, so a process that dies leaves it due; nothing is forgotten before its
 * result is recorded, so a store that cannot write holds a lane still and repeats nothing. Rows may be delivered
 * twice (the process dies between the answer and its record), always with the same id and the same bytes.
 */
import type { Agent } from "undici";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { LaneHead } from "../store/outbox.ts";
import type { Store } from "../store/store.ts";
import {
  type AttemptLimits,
  type AttemptResult,
  createAgent,
  DEFAULT_ATTEMPT_LIMITS,
  postWebhook,
} from "./attempt.ts";
import type { BreakerState } from "./breaker.ts";
import { Gate } from "./gate.ts";
import { Pruner } from "./pruner.ts";
import { hostOf, reportSettlement } from "./report.ts";
import { DEFAULT_SCHEDULE, type Schedule } from "./schedule.ts";
import { sign } from "./signing.ts";
import { type EndpointTarget, usableTarget } from "./target.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface DeliverySenderOptions {
  store: Store;
  /** Where an endpoint is and how it is signed for, asked at each attempt; null when it is configured no more. */
  endpoints: (endpoint: string) => EndpointTarget | null;
  logger: Logger;
  /** Receives `delivery.attempts`, `.delivered`, `.failed`, `.dead`, `.disabled`, `.breakerOpened`, `.pruned`. */
  counters: Counters;
  /** Wall clock, epoch ms. */
  now?: () => number;
  /** In [0, 1). */
  random?: () => number;
  schedule?: Schedule;
  limits?: AttemptLimits;
  /** Calls of one endpoint in flight at most, default 8. */
  concurrencyPerEndpoint?: number;
  /** Calls in flight at most, default 128: sixteen receivers that hang do not hold up a seventeenth. */
  concurrencyTotal?: number;
  /** How long delivered rows are kept, ms, default 7 days. */
  keepDeliveredMs?: number;
}

/** The outbox is looked at this often, ms: another process may have retried a row, or the clock may have jumped. */
const POLL_MS = 1000;
/** Lanes brought forward in one transaction when an endpoint is well again. */
const HASTEN_LANES = 500;
const KEEP_DELIVERED_MS = 7 * 24 * 3600 * 1000;

export class DeliverySender {
  readonly #options: DeliverySenderOptions;
  readonly #schedule: Schedule;
  readonly #limits: AttemptLimits;
  readonly #now: () => number;
  readonly #agent: Agent;
  readonly #pruner: Pruner;
  /** One for each endpoint that was ever due; the configuration bounds them. */
  readonly #gates = new Map<string, Gate>();
  readonly #controllers = new Set<AbortController>();
  /** Endpoints that came back, with lanes still to bring forward. */
  readonly #recovered = new Set<string>();
  /** Results that are not in the store yet; at most one for each attempt in flight. */
  #verdicts: Verdict[] = [];
  #timer: NodeJS.Timeout | null = null;
  #turnQueued = false;
  #running = false;
  /** Whether the last turn could use the store: an error is logged once, not every second. */
  #storeWell = true;
  #rotation = 0;
  #onQuiet: (() => void)[] = [];

  constructor(options: DeliverySenderOptions) {
    const { store, logger, counters, now = Date.now, concurrencyPerEndpoint = 8 } = options;
    this.#options = options;
    this.#now = now;
    this.#schedule = options.schedule ?? DEFAULT_SCHEDULE;
    this.#limits = options.limits ?? DEFAULT_ATTEMPT_LIMITS;
    this.#agent = createAgent(concurrencyPerEndpoint, this.#limits);
    const keepMs = options.keepDeliveredMs ?? KEEP_DELIVERED_MS;
    this.#pruner = new Pruner({ store, logger, counters, now, keepMs });
  }

  /** Attempts that run, or whose result is not recorded yet. */
  get inFlight(): number {
    let sum = 0;
    for (const gate of this.#gates.values()) sum += gate.inFlight;
    return sum;
  }

  /** State of the breaker of each endpoint that was ever due. */
  breakers(): Record<string, BreakerState> {
    const now = this.#now();
    return Object.fromEntries([...this.#gates].map(([endpoint, gate]) => [endpoint, gate.breakerState(now)]));
  }

  /** Begins to deliver, with what an earlier process left. */
  start(): void {
    this.#running = true;
    this.#pruner.start();
    this.wake();
  }

  /** Says that there are new rows, or that the clock moved. Cheap: many calls make one look at the store. */
  wake(): void {
    if (!this.#running || this.#turnQueued) return;
    this.#turnQueued = true;
    setImmediate(() => {
      this.#turnQueued = false;
      this.#turn();
    });
  }

  /** Resolves when nothing is in flight and nothing can be sent now. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#onQuiet.push(resolve);
      this.wake();
    });
  }

  /**
   * Delivers what is due and finishes what is in flight, for `deadlineMs` milliseconds at most; then gives up what
   * is in flight, which stays pending for the next process.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#pruner.stop();
    if (this.#running) {
      const timer = setTimeout(() => this.#abort(), deadlineMs);
      await this.quiet();
      clearTimeout(timer);
    }
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#agent.destroy();
    this.#recordLast();
  }

  /** Results that came with the deadline; what cannot be recorded is delivered again by the next process. */
  #recordLast(): void {
    try {
      this.#record();
    } catch (error) {
      this.#options.logger.error({ error: messageOf(error) }, "could not record the last deliveries");
    }
  }

  #abort(): void {
    this.#running = false;
    for (const controller of this.#controllers) controller.abort();
    this.#tellQuiet();
  }

  #tellQuiet(): void {
    for (const resolve of this.#onQuiet.splice(0)) resolve();
  }

  /** One turn: record results, start what may start, sleep until the next thing is due. */
  #turn(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    let wakeAt = Number.POSITIVE_INFINITY;
    try {
      this.#record();
      this.#hasten();
      wakeAt = this.#startDue();
      if (this.inFlight === 0 && this.#recovered.size === 0) this.#tellQuiet();
      this.#storeWell = true;
    } catch (error) {
      // The store is full or busy: results stay in `#verdicts`, their lanes stay in flight, and we try again.
      if (!(error instanceof LinescribeError)) throw error;
      if (this.#storeWell) {
        this.#options.logger.error({ code: error.code, error: messageOf(error) }, "outbox is not available");
      }
      this.#storeWell = false;
    }
    if (!this.#running) return;
    const sleepMs = Math.min(Math.max(wakeAt - this.#now(), 0), POLL_MS);
    this.#timer = setTimeout(() => this.#turn(), sleepMs);
  }

  #record(): void {
    if (this.#verdicts.length === 0) return;
    this.#options.store.settle(this.#verdicts.map(({ settlement }) => settlement));
    for (const { settlement } of this.#verdicts.splice(0)) {
      const { endpoint, callSid } = settlement.head;
      this.#gates.get(endpoint)?.release(callSid);
      reportSettlement(settlement, this.#options.logger, this.#options.counters);
    }
  }

  #hasten(): void {
    for (const endpoint of this.#recovered) {
      const moved = this.#options.store.hastenLanes(endpoint, this.#now(), HASTEN_LANES);
      if (moved < HASTEN_LANES) this.#recovered.delete(endpoint);
    }
    if (this.#recovered.size > 0) this.wake();
  }

  /** Starts attempts within all limits; returns when there is next something to start, epoch ms. */
  #startDue(): number {
    const due = this.#options.store.dueEndpoints();
    // Each turn begins with another endpoint, so that the total limit is shared.
    this.#rotation = due.length === 0 ? 0 : (this.#rotation + 1) % due.length;
    let free = (this.#options.concurrencyTotal ?? 128) - this.inFlight;
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const { endpoint, nextAt } of [...due.slice(this.#rotation), ...due.slice(0, this.#rotation)]) {
      const now = this.#now();
      const gate = this.#gateOf(endpoint);
      if (nextAt > now) wakeAt = Math.min(wakeAt, nextAt);
      else if (free > 0) free -= this.#startEndpoint(endpoint, gate, Math.min(free, gate.free(now)));
      wakeAt = Math.min(wakeAt, gate.opensAt(now) ?? Number.POSITIVE_INFINITY);
    }
    return wakeAt;
  }

  #startEndpoint(endpoint: string, gate: Gate, free: number): number {
    if (free <= 0) return 0;
    const now = this.#now();
    const target = usableTarget(endpoint, this.#options.endpoints(endpoint), this.#options.logger);
    if (target === null) {
      gate.pauseUntil(now + this.#schedule.unconfiguredMs);
      return 0;
    }
    // Lanes in flight are due as well, and may be the first that the store names.
    const heads = this.#options.store.dueHeads(endpoint, now, free + gate.inFlight);
    const startable = heads.filter(({ callSid }) => !gate.has(callSid)).slice(0, free);
    for (const head of startable) {
      gate.started(head.callSid, now);
      void this.#attempt(head, gate, target);
    }
    return startable.length;
  }

  async #attempt(head: LaneHead, gate: Gate, target: EndpointTarget): Promise<void> {
    const { counters, random = Math.random } = this.#options;
    const controller = new AbortController();
    this.#controllers.add(controller);
    counters.add("delivery.attempts");
    const { messageId: id, body } = head;
    const headers = sign({ id, at: this.#now(), body }, target.secrets);
    const result = await postWebhook(
      { url: target.url, headers, body },
      this.#agent,
      this.#limits,
      controller,
    );
    this.#controllers.delete(controller);
    if (result.kind === "aborted") {
      gate.release(head.callSid);
      return;
    }
    this.#take(head, gate, result, random());
    this.wake();
  }

  #take(
    head: LaneHead,
    gate: Gate,
    result: Exclude<AttemptResult, { kind: "aborted" }>,
    random: number,
  ): void {
    const now = this.#now();
    const context = { schedule: this.#schedule, now, random, endpointAcceptedAt: gate.acceptedAt };
    const verdict = judge(head, result, context);
    if (verdict.pauseUntil !== null) gate.pauseUntil(verdict.pauseUntil);
    const change = gate.ended(verdict.answer, now);
    if (change === "opened") {
      this.#options.counters.add("delivery.breakerOpened");
      this.#options.logger.warn({ host: hostOf(head.endpoint) }, "endpoint keeps failing, pausing it");
    }
    if (change === "closed") this.#recovered.add(head.endpoint);
    this.#verdicts.push(verdict);
  }

  #gateOf(endpoint: string): Gate {
    let gate = this.#gates.get(endpoint);
    if (gate === undefined) {
      gate = new Gate(this.#options.concurrencyPerEndpoint ?? 8, this.#schedule.breaker);
      this.#gates.set(endpoint, gate);
    }
    return gate;
  }
}
