/**
 * One request and its answer: an id, an end when the client goes or time is up, and errors in the shape of the API.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiError } from "./api-error.ts";
import { Waiting } from "./waiting.ts";

/** How long the rest of a refused body is read and thrown away, so that the client comes to read the answer, ms. */
const LINGER_MS = 5000;

/** An error as an API answers it. */
export interface ErrorAnswer {
  body: object;
  /** Default `application/json`. */
  type?: string;
  headers?: Record<string, string>;
}

/** @param id - Of the request. */
export type DescribeError = (error: ApiError, id: string) => ErrorAnswer;

export class Exchange {
  readonly id = randomUUID();
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly #ended = new AbortController();
  readonly #describe: DescribeError;
  /** Set while the answer is a stream, which has a way of its own to tell of an error. */
  #fail: ((body: object) => void) | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, describe: DescribeError) {
    this.request = request;
    this.response = response;
    this.#describe = describe;
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

  /** From now on the answer is a stream: `fail` sends the body of an error in it and ends it. */
  stream(fail: (body: object) => void): void {
    this.#fail = fail;
  }

  /** Answers with an error; a body that is still coming is not waited for. */
  refuse(error: ApiError): void {
    const { request, response } = this;
    const { body, type = "application/json", headers: own = {} } = this.#describe(error, this.id);
    if (response.writableEnded || response.destroyed) return;
    if (this.#fail) {
      this.#fail(body);
      return;
    }
    if (response.headersSent) {
      // Half an answer is none.
      response.destroy();
      return;
    }
    const text = JSON.stringify(body);
    const headers: Record<string, string | number> = {
      ...own,
      "content-type": type,
      "content-length": Buffer.byteLength(text),
    };
    if (error.retryAfterSeconds !== undefined) headers["retry-after"] = error.retryAfterSeconds;
    if (!request.complete) headers.connection = "close";
    response.writeHead(error.status, headers);
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
