/**
 * Hands the upgrades of one HTTP server to the WebSocket server of their path; every other path is refused. Upgrades to
 * another protocol are ignored: the request is answered as usual.
 */
import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { pathOf, refuseUpgrade, type UpgradeListener, type UpgradeSource } from "../base/upgrade.ts";
import { serveAsPlain, wantsWebSocket } from "./plain-request.ts";

/** First of all: a reset before an upgrade is done would otherwise be an uncaught exception. */
function ignoreReset(): void {}

export class UpgradeRoutes {
  readonly #sources = new Map<string, EventEmitter>();

  constructor(server: Server) {
    server.on("upgrade", (...upgrade: Parameters<UpgradeListener>) => {
      const [request, socket] = upgrade;
      // One connection may come again and again with requests that are no WebSocket's.
      if (!socket.listeners("error").includes(ignoreReset)) socket.on("error", ignoreReset);
      if (!wantsWebSocket(request)) return serveAsPlain(server, ...upgrade);
      const handled = this.#sources.get(pathOf(request.url ?? ""))?.emit("upgrade", ...upgrade);
      if (handled) return;
      refuseUpgrade(socket, 404, { code: "REQUEST_MALFORMED", message: "No socket here" });
    });
  }

  /** Upgrades of `path`, with or without a slash at its end and a query. */
  at(path: string): UpgradeSource {
    const source = this.#sources.get(path) ?? new EventEmitter();
    this.#sources.set(path, source);
    return source;
  }
}
