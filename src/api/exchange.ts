/**
 * One request and its answer: an id, an end when the client goes or time is up, and errors in the shape of the API.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiError } from "./api-error.ts";
import { EventStream } from "./event-stream.ts";
import { Waiting } from "./waiting.ts";

/** How long the rest of a refused body is read and thrown away, so that the client comes to read the answer, ms. */
const LINGER_MS = 5000;

export class Exchange {
  readonly id = randomUUID();
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #ended = new AbortController();
  /** Set while the answer is a stream of events. */
  #events: EventStream | null = null;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    response.setHeader("x-request-id", this.id);
    response.once("close", () => {
      if (!response.writableFinished) this.#ended.abort(new ClientGone());
    });
  }

  /** Aborts when nobody waits for the answer any more; the reason says why. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Keeps a client and proxies waiting that give up without headers; `done` when there is an answer. */
  waitInJson(): Waiting {
    return new Waiting(this.response);
  }

  end(reason: Error): void {
    this.#ended.abort(reason);
  }

  /** Sends an answer that may have taken long. */
  send(type: string, body: string): void {
    if (this.response.writableEnded) return;
    if (this.response.headersSent) {
      this.response.end(body);
      return;
    }
    this.response.writeHead(200, { "content-type": type, "content-length": Buffer.byteLength(body) });
    this.response.end(body);
  }

  /** From now on the answer is a stream of events. */
  stream(): EventStream {
    this.#events = new EventStream(this);
    return this.#events;
  }

  /** Answers with an error; a body that is still coming is not waited for. */
  refuse({ status, body, retryAfterSeconds }: ApiError): void {
    const { request, response } = this;
    if (response.writableEnded || response.destroyed) return;
    if (this.#events) {
      this.#events.fail(body);
      return;
    }
    if (response.headersSent) {
      // Half an answer is none.
      response.destroy();
      return;
    }
    const text = JSON.stringify(body);
    const headers: Record<string, string | number> = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    };
    if (retryAfterSeconds !== undefined) headers["retry-after"] = retryAfterSeconds;
    if (!request.complete) headers.connection = "close";
    response.writeHead(status, headers);
    if (request.complete) response.end(text);
    else this.#linger(text);
  }

  /** A socket that is closed with unread data in it is reset, and the client may never see the answer. */
  #linger(text: string): void {
    const { request, response } = this;
    response.write(text);
    const end = (): void => {
      clearTimeout(timer);
      response.end(() => request.destroy());
    };
    const timer = setTimeout(end, LINGER_MS);
    request.once("close", () => clearTimeout(timer));
    request.once("end", end);
    request.resume();
  }
}

/** Nobody is left to answer. */
export class ClientGone extends Error {
  constructor() {
    super("The client closed the connection");
    this.name = "ClientGone";
  }
}
