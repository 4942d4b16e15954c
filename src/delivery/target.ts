/**
 * Where an endpoint is and how its webhooks are signed, as the configuration says at the moment of sending.
 */
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { hostOf } from "./report.ts";
import { parseSecret } from "./signing.ts";

export interface EndpointTarget {
  url: string;
  /** `whsec_` secrets, at least one; several while keys rotate. */
  secrets: readonly string[];
}

/** Returns `target` when something can be sent to it and signed; otherwise says why not and returns null. */
export function usableTarget(
  endpoint: string,
  target: EndpointTarget | null,
  logger: Logger,
): EndpointTarget | null {
  const fault = faultOf(target);
  if (fault === null) return target;
  logger.warn(
    { code: "DELIVERY_FAILED", host: hostOf(endpoint), fault },
    "endpoint is not usable; its events wait",
  );
  return null;
}

function faultOf(target: EndpointTarget | null): string | null {
  if (target === null) return "not in the configuration";
  if (target.secrets.length === 0) return "has no secret";
  try {
    target.secrets.forEach(parseSecret);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}
