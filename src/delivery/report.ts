/**
 * Says what became of deliveries, in logs and counters, without their content and without what a URL may hide.
 */
import type { Counters } from "../base/counters.ts";
import type { Logger } from "../base/log.ts";
import type { Settlement } from "../store/outbox.ts";

/** What of a callback URL may go into a log: its path and query may hold tokens. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "unknown";
}

/** Counts and logs one recorded attempt. */
export function reportSettlement(settlement: Settlement, logger: Logger, counters: Counters): void {
  const { head, outcome, status, error } = settlement;
  const fields = {
    id: head.messageId,
    host: hostOf(head.endpoint),
    attempts: head.attempts + 1,
    status,
    error,
  };
  switch (outcome) {
    case "delivered":
      counters.add("delivery.delivered");
      logger.debug(fields, "event delivered");
      return;
    case "retry":
      counters.add("delivery.failed");
      logger.warn({ code: "DELIVERY_FAILED", ...fields }, "callback attempt failed");
      return;
    case "dead":
      counters.add("delivery.failed");
      counters.add("delivery.dead");
      logger.error({ code: "DELIVERY_GAVE_UP", ...fields }, "event parked as a dead letter");
      return;
    case "disable":
      counters.add("delivery.failed");
      counters.add("delivery.disabled");
      logger.error(
        { code: "DELIVERY_FAILED", ...fields },
        "endpoint answered 410 and is disabled until a retry",
      );
  }
}
