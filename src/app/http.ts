/**
 * The HTTP server: health, webhooks, and a plain answer for everything else; the media socket is attached to it.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Router } from "express";
import { LinescribeError, messageOf } from "../base/error.ts";

/** A server that does not listen yet. Slow and idle clients are cut off: nobody but the carrier and probes belong here. */
export function createHttp(routers: readonly Router[]): http.Server {
  const app = express();
  app.disable("x-powered-by");
  for (const router of routers) app.use(router);
  app.use((_request, response) => {
    response.status(404).json({ code: "REQUEST_MALFORMED", message: "There is nothing at this address" });
  });
  const server = http.createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 1000,
    },
    app,
  );
  server.maxHeadersCount = 100;
  return server;
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
