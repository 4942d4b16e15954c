/**
 * The sender: takes the due heads of lanes from the store, posts them, and records what came of it.
 *
 * Nothing is written when a row is taken, so a process that dies leaves it due; nothing is forgotten before its
 * result is recorded, so a store that cannot write holds a lane still and repeats nothing. Rows may be delivered
 * twice (the process dies between the answer and its record), always with the same id and the same bytes.
 */
import type { Agent } from "undici";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { LaneHead } from "../store/outbox.ts";
import { type AttemptResult, createAgent, postWebhook } from "./attempt.ts";
import type { BreakerState } from "./breaker.ts";
import { type Gate, Gates } from "./gate.ts";
import { Pruner } from "./pruner.ts";
import { hostOf, reportSettlement } from "./report.ts";
import { type DeliverySenderOptions, withDefaults } from "./sender-options.ts";
import { sign } from "./signing.ts";
import { type EndpointTarget, usableTarget } from "./target.ts";
import { judge, type Verdict } from "./verdict.ts";

/** The outbox is looked at this often, ms: another process may have retried a row, or the clock may have jumped. */
const POLL_MS = 1000;
/** Lanes brought forward in one transaction when an endpoint is well again. */
const HASTEN_LANES = 500;

export class DeliverySender {
  readonly #options: Required<DeliverySenderOptions>;
  readonly #agent: Agent;
  readonly #pruner: Pruner;
  readonly #gates: Gates;
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
    this.#options = withDefaults(options);
    const { schedule, limits, concurrencyPerEndpoint, keepDeliveredMs } = this.#options;
    this.#gates = new Gates(concurrencyPerEndpoint, schedule.breaker);
    this.#agent = createAgent(concurrencyPerEndpoint, limits);
    this.#pruner = new Pruner({ ...this.#options, keepMs: keepDeliveredMs });
  }

  /** Attempts that run, or whose result is not recorded yet. */
  get inFlight(): number {
    return this.#gates.inFlight;
  }

  /** State of the breaker of each endpoint that was ever due. */
  breakers(): Record<string, BreakerState> {
    return this.#gates.breakerStates(this.#options.now());
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
    if (!this.#running) return Promise.resolve();
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
    const timer = setTimeout(() => this.#abort(), deadlineMs);
    await this.quiet();
    clearTimeout(timer);
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
    if (!this.#running) return;
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
    const sleepMs = Math.min(Math.max(wakeAt - this.#options.now(), 0), POLL_MS);
    this.#timer = setTimeout(() => this.#turn(), sleepMs);
  }

  #record(): void {
    if (this.#verdicts.length === 0) return;
    this.#options.store.settle(this.#verdicts.map(({ settlement }) => settlement));
    for (const { settlement } of this.#verdicts.splice(0)) {
      const { endpoint, callSid } = settlement.head;
      this.#gates.of(endpoint).release(callSid);
      reportSettlement(settlement, this.#options.logger, this.#options.counters);
    }
  }

  #hasten(): void {
    for (const endpoint of this.#recovered) {
      const moved = this.#options.store.hastenLanes(endpoint, this.#options.now(), HASTEN_LANES);
      if (moved < HASTEN_LANES) this.#recovered.delete(endpoint);
    }
    if (this.#recovered.size > 0) this.wake();
  }

  /** Starts attempts within all limits; returns when there is next something to start, epoch ms. */
  #startDue(): number {
    const due = this.#options.store.dueEndpoints();
    // Each turn begins with another endpoint, so that the total limit is shared.
    this.#rotation = due.length === 0 ? 0 : (this.#rotation + 1) % due.length;
    let free = this.#options.concurrencyTotal - this.inFlight;
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const { endpoint, nextAt } of [...due.slice(this.#rotation), ...due.slice(0, this.#rotation)]) {
      const now = this.#options.now();
      const gate = this.#gates.of(endpoint);
      if (nextAt > now) wakeAt = Math.min(wakeAt, nextAt);
      else if (free > 0) free -= this.#startEndpoint(endpoint, gate, Math.min(free, gate.free(now)));
      wakeAt = Math.min(wakeAt, gate.opensAt(now) ?? Number.POSITIVE_INFINITY);
    }
    return wakeAt;
  }

  #startEndpoint(endpoint: string, gate: Gate, free: number): number {
    if (free <= 0) return 0;
    const now = this.#options.now();
    const target = usableTarget(endpoint, this.#options.endpoints(endpoint), this.#options.logger);
    if (target === null) {
      gate.pauseUntil(now + this.#options.schedule.unconfiguredMs);
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
    const { counters, limits, random } = this.#options;
    const controller = new AbortController();
    this.#controllers.add(controller);
    counters.add("delivery.attempts");
    const { messageId: id, body } = head;
    const headers = sign({ id, at: this.#options.now(), body }, target.secrets);
    const result = await postWebhook({ url: target.url, headers, body }, this.#agent, limits, controller);
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
    const now = this.#options.now();
    const context = { schedule: this.#options.schedule, now, random, endpointAcceptedAt: gate.acceptedAt };
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
}
