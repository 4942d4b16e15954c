/**
 * Sends a page. Pages are for one reader and say what holds now, so that nobody keeps a copy.
 */
import type { ServerResponse } from "node:http";

export function sendPage(response: ServerResponse, status: number, html: string): void {
  const body = Buffer.from(html);
  response.setHeader("cache-control", "no-store");
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "content-length": body.length });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
