/**
 * What the API of calls answers to.
 */
import type { Request } from "express";
import type * as z from "zod";
import { ApiError, badOption } from "../http/api-error.ts";
import type { FoundCall, ListedCall, Page, PageQuery } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import type { CallEvent } from "../transcript/event.ts";
import { callView, deliveryView, endpointView, eventView, foundView } from "./call-view.ts";
import { type ChangedStore, deleteRoute, resendRoute } from "./changes.ts";
import { cursorOf, positionOf } from "./cursor.ts";
import { callRoute, jsonAnswer, listingRoute, type Route, UNKNOWN_CALL } from "./route.ts";
import {
  AFTER_ROWS,
  afterQuery,
  callAnswer,
  deliveriesAnswer,
  eventsAnswer,
  listAnswer,
  listQuery,
  noQuery,
  transcriptAnswer,
  transcriptQuery,
} from "./schemas.ts";
import { spokenOf, TRANSCRIPT_TYPES, type TranscriptFormat, transcriptText } from "./transcript-view.ts";

export type CallsStore = Pick<Store, "catalogue" | "events" | "deliveries"> & ChangedStore;

/** Events read at a time, so that a long call does not hold the event loop. */
const EVENTS_AT_ONCE = 500;

/** @param onResent - Told when deliveries are due again. */
export function callRoutes(store: CallsStore, onResent: () => void): Route[] {
  return [
    listRoute(store),
    callDetailRoute(),
    transcriptRoute(store),
    eventsRoute(store),
    deliveriesRoute(store),
    resendRoute(store, onResent),
    deleteRoute(store),
  ];
}

function listRoute({ catalogue }: CallsStore): Route {
  return listingRoute(
    {
      method: "get",
      path: "",
      name: "listCalls",
      summary:
        "Calls and sessions, newest first: filtered, and with `q` those in which all of its words are said",
      scope: "read",
      query: listQuery,
      answers: { "application/json": { name: "CallList", schema: listAnswer } },
      errors: [],
    },
    ({ query, whole }) => {
      const { rows, next } = found(catalogue, query);
      const answer: z.infer<typeof listAnswer> = {
        calls: rows.map((call) => foundView(call, whole)),
        next: cursorOf(next),
      };
      return jsonAnswer(answer);
    },
  );
}

function found(
  catalogue: Store["catalogue"],
  query: z.output<typeof listQuery>,
): Page<ListedCall | FoundCall> {
  const { q, cursor, since, until, number, ...rest } = query;
  const page: PageQuery = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  if (cursor !== undefined) page.before = positionOf(cursor);
  if (since !== undefined) page.since = Date.parse(since);
  if (until !== undefined) page.until = Date.parse(until);
  // A plus in a query is a space, unless it is escaped.
  if (number !== undefined) page.number = number.replace(/^ /, "+");
  if (q === undefined) return catalogue.list(page);
  try {
    return catalogue.search(q, page);
  } catch (error) {
    if (error instanceof RangeError) throw badOption("q", error.message);
    throw error;
  }
}

function callDetailRoute(): Route {
  return callRoute(
    {
      method: "get",
      path: "/:callSid",
      name: "getCall",
      summary: "One call or session",
      scope: "read",
      query: noQuery,
      answers: { "application/json": { name: "Call", schema: callAnswer } },
      errors: [UNKNOWN_CALL],
    },
    ({ whole }, call) => jsonAnswer(callView(call, whole)),
  );
}

function transcriptRoute(store: CallsStore): Route {
  return callRoute(
    {
      method: "get",
      path: "/:callSid/transcript",
      name: "getTranscript",
      summary: "What was said, as JSON, text or captions; of a live call: so far",
      scope: "read",
      query: transcriptQuery,
      answers: {
        [TRANSCRIPT_TYPES.json]: { name: "Transcript", schema: transcriptAnswer },
        [TRANSCRIPT_TYPES.txt]: null,
        [TRANSCRIPT_TYPES.srt]: null,
        [TRANSCRIPT_TYPES.vtt]: null,
      },
      errors: [UNKNOWN_CALL, { status: 406, code: "REQUEST_UNSUPPORTED_TYPE" }],
    },
    async ({ query, request, signal }, call) => {
      const format = query.format ?? acceptedFormat(request);
      if (query.track !== undefined && call.tracks.every(({ track }) => track !== query.track))
        throw badOption("track", "The call does not have this track");
      const spoken = spokenOf(await allEvents(store, call, signal), query.track);
      return {
        type: TRANSCRIPT_TYPES[format],
        body: transcriptText(format, call, spoken, query.track),
        fileName: `${call.callSid}.${format}`,
      };
    },
  );
}

/** What the header `Accept` likes best. */
function acceptedFormat(request: Request): TranscriptFormat {
  const types = Object.values(TRANSCRIPT_TYPES).map((type) => type.split(";")[0] as string);
  const type = request.accepts(types);
  const index = type === false ? -1 : types.indexOf(type);
  const format = (Object.keys(TRANSCRIPT_TYPES) as TranscriptFormat[])[index];
  if (format !== undefined) return format;
  throw new ApiError(
    406,
    "REQUEST_UNSUPPORTED_TYPE",
    `Expected a client that accepts one of ${types.join(", ")}`,
  );
}

async function allEvents(
  store: CallsStore,
  { callSid }: ListedCall,
  signal: AbortSignal,
): Promise<CallEvent[]> {
  const events: CallEvent[] = [];
  for (;;) {
    const page = store.events(callSid, events.at(-1)?.sequence ?? 0, EVENTS_AT_ONCE);
    events.push(...page);
    if (page.length < EVENTS_AT_ONCE) return events;
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
}

function eventsRoute(store: CallsStore): Route {
  return callRoute(
    {
      method: "get",
      path: "/:callSid/events",
      name: "listEvents",
      summary: "Events of a call after a sequence, in sequence",
      scope: "read",
      query: afterQuery,
      answers: { "application/json": { name: "EventList", schema: eventsAnswer } },
      errors: [UNKNOWN_CALL],
    },
    ({ query: { after = 0, limit = AFTER_ROWS }, whole }, call) => {
      const events = store.events(call.callSid, after, limit);
      const answer: z.infer<typeof eventsAnswer> = {
        callSid: call.callSid,
        events: events.map((event) => eventView(event, call, whole)),
        next: nextOf(events, limit),
      };
      return jsonAnswer(answer);
    },
  );
}

function deliveriesRoute(store: CallsStore): Route {
  return callRoute(
    {
      method: "get",
      path: "/:callSid/deliveries",
      name: "listDeliveries",
      summary: "How the delivery of each event stands, until it is pruned",
      scope: "read",
      query: afterQuery,
      answers: { "application/json": { name: "DeliveryList", schema: deliveriesAnswer } },
      errors: [UNKNOWN_CALL],
    },
    ({ query: { after = 0, limit = AFTER_ROWS } }, { callSid, endpoint }) => {
      const rows = store.deliveries(callSid, after, limit);
      const answer: z.infer<typeof deliveriesAnswer> = {
        callSid,
        endpoint: endpoint === null ? null : endpointView(endpoint),
        endpointDisabled: rows.some(({ endpointDisabled }) => endpointDisabled),
        deliveries: rows.map(deliveryView),
        next: nextOf(rows, limit),
      };
      return jsonAnswer(answer);
    },
  );
}

function nextOf(rows: readonly { sequence: number }[], limit: number): number | null {
  return rows.length < limit ? null : (rows.at(-1)?.sequence ?? null);
}
