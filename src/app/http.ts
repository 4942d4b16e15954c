/**
 * The HTTP server: health, webhooks, and a plain answer for everything else; the media socket is attached to it.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import express, { type ErrorRequestHandler, type RequestHandler, type Router } from "express";
import { LinescribeError, messageOf } from "../base/error.ts";
import { nothingHere } from "./nothing-here.ts";

/** How long a body may take, ms, where nothing is uploaded: nobody but the carrier and probes belong there. */
const BODY_MS = 15_000;
/** The longest that any router waits for a body, ms; those that take uploads are stricter themselves. */
const UPLOAD_MS = 3_600_000;

/**
 * A server that does not listen yet. Slow and idle clients are cut off.
 *
 * @param uploads - Routers that bound the time of their bodies themselves.
 */
export function createHttp(
  routers: readonly Router[],
  uploads: readonly Router[] = [],
  { bodyMs = BODY_MS }: { bodyMs?: number } = {},
): http.Server {
  const app = express();
  app.disable("x-powered-by");
  for (const router of uploads) app.use(router);
  app.use(bodyWithin(bodyMs));
  for (const router of routers) app.use(router);
  app.use(nothingHere);
  app.use(answerFault);
  const server = http.createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: UPLOAD_MS,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 1000,
    },
    app,
  );
  server.maxHeadersCount = 100;
  return server;
}

/** Express would show strangers where our files lie. */
const answerFault: ErrorRequestHandler = (error, _request, response, next) => {
  // Half an answer is none; its connection is closed.
  if (response.headersSent) return next(error);
  const isTheirs = error instanceof URIError;
  const [status, code] = isTheirs
    ? ([400, "REQUEST_MALFORMED"] as const)
    : ([500, "REQUEST_FAILED"] as const);
  const message = isTheirs ? "The address cannot be decoded" : "The request failed by a fault of the server";
  response.status(status).json({ code, message });
};

/** Node's own limit is one for the whole server; this one is of the routes behind it. */
function bodyWithin(limitMs: number): RequestHandler {
  return (request, response, next) => {
    if (!request.complete) {
      const timer = setTimeout(() => {
        const body = { code: "REQUEST_TIMEOUT", message: `The body took more than ${limitMs} ms` };
        if (!response.headersSent) response.status(408).set("connection", "close").json(body);
        response.end(() => request.destroy());
      }, limitMs);
      const done = (): void => clearTimeout(timer);
      request.once("end", done).once("close", done);
    }
    next();
  };
}

/** @throws {LinescribeError} `CONFIG_INVALID` when the address cannot be had, for example because the port is in use. */
export async function listenOn(server: http.Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((cause) => {
    throw new LinescribeError("CONFIG_INVALID", `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
      cause,
    });
  });
}

/** Where a listening server can be reached from this machine, `http://127.0.0.1:8080`. */
export function localUrl(server: http.Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** Ends every connection and stops listening. */
export async function closeHttp(server: http.Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
