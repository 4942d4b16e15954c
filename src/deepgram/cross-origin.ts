/**
 * Pages of other origins that may use the API, as their browsers ask for it (CORS): those that `access` lets in.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

export type AllowsOrigin = (request: Pick<IncomingMessage, "headers">) => boolean;

const EXPOSED = "dg-request-id, dg-error, x-request-id, retry-after";
/** Keys come in a header that the page sets, never by themselves, so any header may come along. */
const HEADER_NAMES = /^[a-z0-9-]+( *, *[a-z0-9-]+)*$/i;
const HEADER_NAMES_MAXIMUM = 1000;
const STANDARD_NAMES = "authorization, content-type, x-deepgram-session-id";
const KEPT_SECONDS = "600";

/** Lets a page read the answer, if it may. */
export function shareAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  allowsOrigin: AllowsOrigin,
): void {
  const { origin } = request.headers;
  response.setHeader("vary", "origin");
  if (origin === undefined || !allowsOrigin(request)) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", EXPOSED);
}

/** Answers the question that a browser asks before the request: 204, or 403 without a word. */
export function answerPreflight(
  request: IncomingMessage,
  response: ServerResponse,
  allowsOrigin: AllowsOrigin,
): void {
  shareAnswer(request, response, allowsOrigin);
  const allowed = response.hasHeader("access-control-allow-origin");
  if (allowed) {
    const asked = String(request.headers["access-control-request-headers"] ?? "");
    const known = asked.length <= HEADER_NAMES_MAXIMUM && HEADER_NAMES.test(asked);
    response.setHeader("access-control-allow-methods", "POST");
    response.setHeader("access-control-allow-headers", known ? asked : STANDARD_NAMES);
    response.setHeader("access-control-max-age", KEPT_SECONDS);
  }
  response.writeHead(allowed ? 204 : 403).end();
}
