/**
 * A receiver of webhooks as an operator would write one: it checks the signature, then keeps what came.
 */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { verify } from "../../delivery/signing.ts";
import type { CallEvent } from "../../transcript/event.ts";

export interface ReceivedEvent {
  event: CallEvent;
  /** The webhook body, exactly as it came. */
  body: string;
  /** Wall clock when the whole body had come, epoch ms. */
  arrivedAt: number;
}

/** Our events are a few kB; a text of 30 s of speech at most. */
const BODY_MAXIMUM_BYTES = 256 * 1024;

export class Receiver {
  readonly #secret: string;
  readonly #onEvent: (received: ReceivedEvent) => void;
  readonly #server: http.Server;
  readonly #waiting: { until: (event: CallEvent) => boolean; resolve: () => void }[] = [];
  /** Signed events, in the order of their arrival; repeats as well. */
  readonly received: ReceivedEvent[] = [];
  /** Requests that were refused: without a valid signature, or not a webhook. */
  refused = 0;

  constructor(secret: string, onEvent: (received: ReceivedEvent) => void = () => {}) {
    this.#secret = secret;
    this.#onEvent = onEvent;
    this.#server = http.createServer((request, response) => {
      this.#take(request).then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      );
    });
  }

  /** Listens on a free port of the loopback interface and returns its URL. */
  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** Resolves with true when an event that `until` accepts has come, with false after `limitMs`. */
  async have(until: (event: CallEvent) => boolean, limitMs: number): Promise<boolean> {
    if (this.received.some(({ event }) => until(event))) return true;
    let timer: NodeJS.Timeout | undefined;
    const came = new Promise<boolean>((resolve) => {
      this.#waiting.push({ until, resolve: () => resolve(true) });
      timer = setTimeout(() => resolve(false), limitMs);
    });
    return came.finally(() => clearTimeout(timer));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: http.IncomingMessage): Promise<number> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request) {
      bytes += (chunk as Buffer).length;
      if (bytes > BODY_MAXIMUM_BYTES) return this.#refuse(413);
      chunks.push(chunk as Buffer);
    }
    const arrivedAt = Date.now();
    const body = Buffer.concat(chunks);
    if (!verify({ headers: request.headers, body }, [this.#secret])) return this.#refuse(401);
    const text = body.toString("utf8");
    const event = asEvent(text);
    if (event === null || event.id !== request.headers["webhook-id"]) return this.#refuse(400);
    const received = { event, body: text, arrivedAt };
    this.received.push(received);
    this.#onEvent(received);
    for (const { until, resolve } of this.#waiting) if (until(event)) resolve();
    return 204;
  }

  #refuse(status: number): number {
    this.refused += 1;
    return status;
  }
}

/** `{ type, timestamp, data }` as an event; only signed bodies come here, so their fields are ours. */
function asEvent(body: string): CallEvent | null {
  try {
    const { type, timestamp, data } = JSON.parse(body) as Record<string, unknown>;
    if (typeof type !== "string" || typeof data !== "object" || data === null) return null;
    return { type, timestamp, ...data } as unknown as CallEvent;
  } catch {
    return null;
  }
}
