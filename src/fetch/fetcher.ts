/**
 * HTTP requests to URLs that outsiders gave: to public addresses only, bounded in time, bytes, redirects and number.
 *
 * Each request has a connection of its own that is closed behind it; nothing is shared, and no proxy of the environment
 * is asked: it would connect for us, and to what we would not.
 */
import { isIP } from "node:net";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import { expectInteger } from "../base/guards.ts";
import { networksOf } from "../base/ip-address.ts";
import { type AddressGuard, createAddressGuard } from "./address-guard.ts";
import { createConnector, forbidden } from "./connector.ts";
import { Deadline } from "./deadline.ts";
import { asFetchError } from "./fault.ts";
import { bareHost, parseOutsideUrl } from "./outside-url.ts";
import { createResolve, type Resolve } from "./resolve.ts";
import { type FetchAnswer, type FetchRequest, type OpenAnswer, Run } from "./run.ts";

export interface FetcherOptions {
  /** Networks that may be reached although they are not public, such as `10.0.0.0/8`. */
  allow?: readonly string[];
  /** Ports that may be connected to; default 80, 443, 8080, 8443. */
  ports?: readonly number[];
  /** Requests at once, default 32; more are refused with FETCH_OVERLOADED. */
  maximumOpen?: number;
  /** Receives `fetch.opened` and `fetch.failed.<CODE>`. */
  counters: Counters;
  /** Stands for the DNS. */
  resolve?: Resolve;
  /** Addresses of this machine, which are refused even when they are public. */
  ownAddresses?: () => readonly string[];
}

export interface Fetcher {
  /**
   * What can be said of a URL before anything is resolved.
   *
   * @throws {LinescribeError} FETCH_BAD_URL, or FETCH_FORBIDDEN_ADDRESS where the host is an address.
   */
  check(url: string): void;
  /**
   * The whole answer, whatever its status.
   *
   * @throws {LinescribeError} FETCH_BAD_URL, FETCH_FORBIDDEN_ADDRESS, FETCH_BAD_REDIRECT, FETCH_TOO_LARGE,
   *   FETCH_BAD_ANSWER; retryable: FETCH_FAILED, FETCH_TIMEOUT, FETCH_OVERLOADED.
   */
  fetch(url: string, request: FetchRequest): Promise<FetchAnswer<Uint8Array>>;
  /** The answer as soon as its headers are there; the body throws as above. It must be read or closed. */
  open(url: string, request: FetchRequest): Promise<OpenAnswer>;
}

export const STANDARD_PORTS: readonly number[] = [80, 443, 8080, 8443];
const OPEN_MAXIMUM = 32;
const CONNECT_MS = 5000;

export function createFetcher(options: FetcherOptions): Fetcher {
  const fetcher = new GuardedFetcher(options);
  return {
    check: (url) => fetcher.check(url),
    open: (url, request) => fetcher.open(url, request),
    async fetch(url, request) {
      const { status, headers, url: final, body } = await fetcher.open(url, request);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return { status, headers, url: final, body: Buffer.concat(chunks) };
    },
  };
}

class GuardedFetcher {
  readonly #ports: readonly number[];
  readonly #maximumOpen: number;
  readonly #counters: Counters;
  readonly #permits: AddressGuard;
  readonly #connect: ReturnType<typeof createConnector>;
  #open = 0;

  constructor({ allow = [], ports = STANDARD_PORTS, counters, resolve, ...options }: FetcherOptions) {
    this.#ports = ports;
    this.#maximumOpen = options.maximumOpen ?? OPEN_MAXIMUM;
    this.#counters = counters;
    const { ownAddresses } = options;
    this.#permits = createAddressGuard({
      allow: networksOf(...allow),
      ...(ownAddresses ? { ownAddresses } : {}),
    });
    const permits = this.#permits;
    this.#connect = createConnector({ permits, resolve: resolve ?? createResolve(), timeoutMs: CONNECT_MS });
  }

  check(url: string): void {
    const host = bareHost(parseOutsideUrl(url, this.#ports).hostname);
    if (isIP(host) !== 0 && !this.#permits(host)) throw forbidden();
  }

  async open(url: string, request: FetchRequest): Promise<OpenAnswer> {
    expectInteger("maximumBytes", request.maximumBytes, 0);
    expectInteger("timeoutMs", request.timeoutMs, 1, 2 ** 31 - 1);
    if (this.#open >= this.#maximumOpen) {
      const cause = "Too many URLs are being fetched at once";
      throw this.#counted(new LinescribeError("FETCH_OVERLOADED", cause, { retryable: true }));
    }
    this.#open += 1;
    this.#counters.add("fetch.opened");
    const deadline = new Deadline(request.timeoutMs, request.signal);
    const run = new Run(request, this.#connect, deadline, () => {
      this.#open -= 1;
    });
    try {
      const answer = await run.follow(parseOutsideUrl(url, this.#ports), this.#ports);
      return { ...answer, body: this.#told(answer.body, deadline) };
    } catch (error) {
      run.end();
      throw this.#named(error, deadline);
    }
  }

  /** A body whose faults are counted and named like all others. */
  async *#told(body: AsyncIterable<Uint8Array>, deadline: Deadline): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      throw this.#named(error, deadline);
    }
  }

  #named(error: unknown, deadline: Deadline): unknown {
    const reason = deadline.explain(error);
    return deadline.cancelled ? reason : this.#counted(asFetchError(reason));
  }

  #counted(error: unknown): unknown {
    if (error instanceof LinescribeError) this.#counters.add(`fetch.failed.${error.code}`);
    return error;
  }
}
