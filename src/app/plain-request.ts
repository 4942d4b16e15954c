/**
 * Serves a request as if it had not asked for another protocol: a server may ignore `Upgrade` (RFC 9110, 7.8), and clients
 * for HTTP/2 ask for `h2c` with every request. Node hands all of them over as upgrades, their bodies unread.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

/** Of the other protocol; a connection does not pass them on (RFC 9110, 7.6.1; RFC 7540, 3.2.1). */
const UPGRADE_HEADERS = ["upgrade", "http2-settings"];

/** Whether the client wants a WebSocket, whatever else it would take. */
export function wantsWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? "").split(",").some((name) => name.trim().toLowerCase() === "websocket");
}

/** Gives the connection back to the server with the same request, without its upgrade. */
export function serveAsPlain(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  socket.unshift(Buffer.concat([Buffer.from(plainHead(request), "latin1"), head]));
  server.emit("connection", socket);
}

function plainHead({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    const key = name.toLowerCase();
    if (UPGRADE_HEADERS.includes(key)) continue;
    const kept = key === "connection" ? withoutUpgrade(value) : value;
    if (kept !== "" || key !== "connection") lines.push(`${name}: ${kept}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function withoutUpgrade(connection: string): string {
  const options = connection.split(",").map((option) => option.trim());
  return options.filter((option) => !UPGRADE_HEADERS.includes(option.toLowerCase())).join(", ");
}
