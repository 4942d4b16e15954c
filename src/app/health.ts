/**
 * What load balancers, operators and replayers ask: is the program alive, does it take calls, how far is it behind.
 */
import { Router } from "express";
import type { ErrorCode } from "../base/codes.ts";

export interface Health {
  recognition: {
    model: string;
    /** `cpu` or `cuda:0` of each worker, as it was started. */
    devices: readonly string[];
    /** How many cards there should be and how many are up; null without cards. */
    cards: { planned: number; up: number } | null;
    /** Why they are no cards that they could have been. */
    fallback: ErrorCode | null;
  };
  /** Calls that have not ended. */
  calls: number;
  /** Sessions that have not ended: audio from clients that are no carrier. */
  sessions: number;
  /** The most media time that any live call has received but not processed, ms; a replayer pauses above 10,000. */
  backlogMs: number;
  /** Events that no receiver has accepted yet. */
  outboxPending: number;
  /** Age of the oldest of them, ms. */
  outboxOldestMs: number;
  /** Events parked as dead letters. */
  outboxDead: number;
  counters: Record<string, number>;
}

export interface HealthOptions {
  health: () => Health;
  /** Why no new calls are taken; empty when they are. */
  unready: () => string[];
}

export function healthRoutes({ health, unready }: HealthOptions): Router {
  const router = Router();
  router.get("/healthz", (_request, response) => {
    response.json({ status: "ok", ...health() });
  });
  router.get("/readyz", (_request, response) => {
    const reasons = unready();
    response.status(reasons.length === 0 ? 200 : 503).json({ ready: reasons.length === 0, reasons });
  });
  return router;
}
