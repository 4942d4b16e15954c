/**
 * One request with its redirects, on a connection of its own for each.
 */
import { Client, type Dispatcher } from "undici";
import { LinescribeError } from "../base/error.ts";
import { boundedBody, decoderOf, tooLarge } from "./body.ts";
import type { createConnector } from "./connector.ts";
import type { Deadline } from "./deadline.ts";
import { type Headers, type Hop, locationOf, nextHop } from "./redirect.ts";

export interface FetchRequest {
  /** Default GET. Redirects are followed for GET and HEAD; for the others a 3xx is the answer. */
  method?: "GET" | "HEAD" | "POST" | "PUT";
  /** To the origin of the URL; another one that a redirect leads to gets none that tells anything. */
  headers?: Headers;
  body?: string | Uint8Array;
  /** Of the body of the answer, as sent and as decoded. */
  maximumBytes: number;
  /** From now to the last byte, with all redirects. */
  timeoutMs: number;
  /** Default 3. */
  maximumRedirects?: number;
  /** Gives the request up; then its own reason is thrown. */
  signal?: AbortSignal;
}

export interface FetchAnswer<Body> {
  status: number;
  /** Names in lower case; repeated headers are joined by commas. */
  headers: Headers;
  /** Where the answer came from, after redirects. */
  url: string;
  body: Body;
}

export interface OpenAnswer extends FetchAnswer<AsyncIterable<Uint8Array>> {
  /** Ends the request; reading the body to its end, or leaving the loop, does the same. */
  close(): void;
}

const REDIRECTS_MAXIMUM = 3;
const HEADER_BYTES_MAXIMUM = 16_384;

/** The caller ends what did not become an answer. */
export class Run {
  readonly #request: FetchRequest;
  readonly #connect: ReturnType<typeof createConnector>;
  readonly #deadline: Deadline;
  readonly #onEnd: () => void;
  #client: Client | null = null;
  #ended = false;

  constructor(
    request: FetchRequest,
    connect: ReturnType<typeof createConnector>,
    deadline: Deadline,
    onEnd: () => void,
  ) {
    this.#request = request;
    this.#connect = connect;
    this.#deadline = deadline;
    this.#onEnd = onEnd;
    // Also when nobody reads or closes the body.
    deadline.signal.addEventListener("abort", () => this.end());
  }

  async follow(url: URL, ports: readonly number[]): Promise<OpenAnswer> {
    const { method = "GET", headers = {}, maximumRedirects = REDIRECTS_MAXIMUM } = this.#request;
    let hop: Hop = { url, headers: lowerCase(headers) };
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#send(hop, method);
      const answered = headersOf(answer);
      const location = locationOf(answer.statusCode, answered.location, method);
      if (location === null) return this.#answerOf(hop.url, answer, answered);
      if (redirects >= maximumRedirects)
        throw new LinescribeError(
          "FETCH_BAD_REDIRECT",
          `The URL redirects more than ${maximumRedirects} times`,
        );
      hop = nextHop(hop, location, ports);
    }
  }

  async #send({ url, headers }: Hop, method: Dispatcher.HttpMethod): Promise<Dispatcher.ResponseData> {
    this.#discard();
    const { timeoutMs, body } = this.#request;
    this.#client = new Client(url.origin, {
      connect: this.#connect,
      // A connection for one request.
      pipelining: 0,
      maxHeaderSize: HEADER_BYTES_MAXIMUM,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    return this.#client.request({
      path: url.pathname + url.search,
      method,
      headers: { "user-agent": "linescribe", ...headers, "accept-encoding": "identity" },
      body: body ?? null,
      signal: this.#deadline.signal,
    });
  }

  #answerOf(url: URL, answer: Dispatcher.ResponseData, headers: Headers): OpenAnswer {
    const { maximumBytes, method } = this.#request;
    const decoder = decoderOf(headers["content-encoding"] ?? "");
    if (method !== "HEAD" && Number(headers["content-length"] ?? 0) > maximumBytes)
      throw tooLarge(maximumBytes);
    const body = boundedBody(answer.body, decoder, maximumBytes);
    const end = () => this.end();
    return {
      status: answer.statusCode,
      headers,
      url: url.href,
      body: ending(body, end),
      close: end,
    };
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#discard();
    this.#deadline.stop();
    this.#onEnd();
  }

  #discard(): void {
    this.#client?.destroy().catch(() => {});
    this.#client = null;
  }
}

async function* ending(body: AsyncGenerator<Uint8Array>, end: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    end();
  }
}

function lowerCase(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function headersOf({ headers }: Dispatcher.ResponseData): Headers {
  const given = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value] as const],
  );
  return lowerCase(Object.fromEntries(given));
}
