/**
 * What every WebSocket server here needs around the upgrade: where requests come from, and how one is told no.
 */
import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where upgrades of one path come from, or of all: an HTTP server is one. */
export interface UpgradeSource {
  on(event: "upgrade", listener: UpgradeListener): unknown;
  off(event: "upgrade", listener: UpgradeListener): unknown;
}

/**
 * Answers an upgrade with a whole HTTP response and ends the socket; whoever dials sees the reason, not a hang-up.
 *
 * @param body - Sent as JSON.
 * @param headers - Beside those of the body; values must come from us.
 */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (socket.destroyed) return;
  const text = JSON.stringify(body);
  const lines = Object.entries({
    Connection: "close",
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(text)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${text}`);
}

/** The path of a request, without query and without a slash at its end. */
export function pathOf(url: string): string {
  const [path = ""] = url.split("?", 1);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
