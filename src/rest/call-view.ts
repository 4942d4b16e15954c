/**
 * Calls, events and deliveries as answers show them: times in words, numbers masked, endpoints without secrets.
 */
import type * as z from "zod";
import { maskNumber } from "../base/log.ts";
import type { FoundCall, ListedCall } from "../store/catalogue.ts";
import type { OutboxRow } from "../store/upkeep.ts";
import type { CallEvent } from "../transcript/event.ts";
import type { callAnswer, deliveriesAnswer, listAnswer } from "./schemas.ts";

type CallView = z.infer<typeof callAnswer>;

/** @param whole - Whether phone numbers are shown as they are. */
export function callView(call: ListedCall, whole: boolean): CallView {
  const { callSid, kind, mode, tracks, languages, endReason, finals, gaps, lastSequence, deliveries } = call;
  return {
    callSid,
    kind,
    status: call.endedAt === null ? "live" : "ended",
    faulty: gaps > 0 || endReason === "crash" || deliveries.dead > 0,
    from: party(call.from, call, whole),
    to: party(call.to, call, whole),
    masked: kind === "call" && !whole,
    mode,
    tracks,
    languages,
    openedAt: moment(call.openedAt),
    mediaStartAt: momentOrNull(call.mediaStartAt),
    endedAt: momentOrNull(call.endedAt),
    endReason,
    durationMs: call.mediaMs,
    finals,
    gaps,
    lastSequence,
    deliveries,
  };
}

export function foundView(
  call: ListedCall | FoundCall,
  whole: boolean,
): z.infer<typeof listAnswer>["calls"][0] {
  const view = callView(call, whole);
  return "hits" in call ? { ...view, hits: call.hits, hitCount: call.hitCount } : view;
}

/** The event that starts a call names its parties. */
export function eventView(event: CallEvent, call: Pick<ListedCall, "kind">, whole: boolean): CallEvent {
  if (event.type !== "call.started") return event;
  return { ...event, from: party(event.from, call, whole), to: party(event.to, call, whole) };
}

export function deliveryView(row: OutboxRow): z.infer<typeof deliveriesAnswer>["deliveries"][0] {
  const { sequence, messageId, type, state, attempts, lastStatus, lastError, lastResponse } = row;
  return {
    sequence,
    id: messageId,
    type,
    state,
    attempts,
    queuedAt: moment(row.queuedAt),
    lastAttemptAt: momentOrNull(row.lastAttemptAt),
    nextAt: momentOrNull(row.nextAt),
    lastStatus,
    lastError,
    lastResponse,
    settledAt: momentOrNull(row.settledAt),
  };
}

/** Keys of endpoints are often in their queries. */
export function endpointView(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** A session's parties are a surface and a client, no phone numbers. */
function party(name: string, { kind }: Pick<ListedCall, "kind">, whole: boolean): string {
  return kind === "call" && !whole ? maskNumber(name) : name;
}

function moment(atMs: number): string {
  return new Date(atMs).toISOString();
}

function momentOrNull(atMs: number | null): string | null {
  return atMs === null ? null : moment(atMs);
}
