/**
 * Keeps a client waiting for JSON: headers and a space, then spaces, which JSON allows in front.
 *
 * Clients and proxies give up on an answer whose headers do not come within a minute or five; an hour of speech takes
 * longer. What fails after the first space can only be told by cutting the connection.
 */
import type { ServerResponse } from "node:http";

/** Short of the minute after which proxies and the clients of others give up. */
const FIRST_MS = 45_000;
const NEXT_MS = 15_000;

export class Waiting {
  #timer: NodeJS.Timeout;

  constructor(response: ServerResponse) {
    const space = (): void => {
      if (response.writableEnded || response.destroyed) return;
      if (!response.headersSent) response.writeHead(200, { "content-type": "application/json" });
      response.write(" ");
      this.#timer = setTimeout(space, NEXT_MS);
    };
    this.#timer = setTimeout(space, FIRST_MS);
  }

  done(): void {
    clearTimeout(this.#timer);
  }
}
