/**
 * Requests to a hub, the operator's choice, with their redirects to where it stores files.
 *
 * The hub may be at any address. Where it redirects to may not: other origins get no token and must be public, or
 * in the network that the hub itself is in. No proxy of the environment is asked: it would hide the addresses.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Readable } from "node:stream";
import { buildConnector, Client, type Dispatcher } from "undici";
import { isLoopbackIp, parseIp } from "../base/ip-address.ts";
import { createAddressGuard } from "../fetch/address-guard.ts";
import { createConnector } from "../fetch/connector.ts";
import { asHubError } from "./fault.ts";
import { badRedirect, type Headers, type Hop, isRedirect, networksBeside, nextHop } from "./redirect.ts";

export interface HubClientOptions {
  /** As `parseHub` gives it. */
  hub: URL;
  /** Sent to the hub's own origin only, and never in clear over a network. */
  token: string | null;
  /** Silence after which a request is given up, ms. Default 30 s. */
  stallMs?: number;
}

export interface HubAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Headers;
  /** Of the hub itself, which knows more of a file than the storage that it redirects to. */
  readonly hubHeaders: Headers;
  /** Host that answered at last, for messages. */
  readonly host: string;
  /** Throws HUB_BROKE_OFF and HUB_TIMEOUT (both retryable) and the signal's reason; must be read or closed. */
  readonly body: AsyncIterable<Uint8Array>;
  close(): void;
}

const STALL_MS = 30_000;
const CONNECT_MS = 10_000;
const REDIRECTS_MAXIMUM = 5;
const HEADER_BYTES_MAXIMUM = 32_768;

type Connect = ReturnType<typeof buildConnector>;

export class HubClient {
  readonly hub: URL;
  /** Whether requests carry a token. */
  readonly hasToken: boolean;
  readonly #token: string | null;
  readonly #stallMs: number;
  readonly #toHub: Connect = buildConnector({ timeout: CONNECT_MS, rejectUnauthorized: true });
  #elsewhere: Promise<Connect> | null = null;

  constructor({ hub, token, stallMs = STALL_MS }: HubClientOptions) {
    this.hub = hub;
    this.#token = token !== null && maySendToken(hub) ? token : null;
    this.hasToken = this.#token !== null;
    this.#stallMs = stallMs;
  }

  /**
   * The answer as soon as its headers are there, whatever its status but a redirect.
   *
   * @param url - Below the hub.
   * @throws {LinescribeError} HUB_BAD_REDIRECT, HUB_BAD_ANSWER; retryable: HUB_UNREACHABLE, HUB_TIMEOUT. The signal's own reason.
   */
  async open(url: URL, headers: Headers, signal: AbortSignal): Promise<HubAnswer> {
    let hop: Hop = { url, headers: { ...this.#ownHeaders(), ...headers } };
    let hubHeaders: Headers = {};
    for (let redirects = 0; ; redirects += 1) {
      const { answer, client } = await this.#send(hop, signal);
      const answered = headersOf(answer);
      if (redirects === 0) hubHeaders = answered;
      if (!isRedirect(answer.statusCode)) {
        const { host } = hop.url;
        const body = told(answer.body, client, host, signal);
        const close = () => discard(client);
        return { status: answer.statusCode, headers: answered, hubHeaders, host, body, close };
      }
      discard(client);
      if (redirects >= REDIRECTS_MAXIMUM) throw badRedirect(hop.url, `more than ${REDIRECTS_MAXIMUM} times`);
      hop = nextHop(hop, answered.location);
    }
  }

  #ownHeaders(): Headers {
    const headers = { "user-agent": "linescribe", "accept-encoding": "identity" };
    return this.#token === null ? headers : { ...headers, authorization: `Bearer ${this.#token}` };
  }

  async #send(
    { url, headers }: Hop,
    signal: AbortSignal,
  ): Promise<{ answer: Dispatcher.ResponseData; client: Client }> {
    let client: Client | null = null;
    try {
      client = new Client(url.origin, {
        connect: url.origin === this.hub.origin ? this.#toHub : await this.#connectElsewhere(),
        // A connection for one request.
        pipelining: 0,
        maxHeaderSize: HEADER_BYTES_MAXIMUM,
        headersTimeout: this.#stallMs,
        bodyTimeout: this.#stallMs,
      });
      const answer = await client.request({
        path: url.pathname + url.search,
        method: "GET",
        headers,
        signal,
      });
      return { answer, client };
    } catch (error) {
      if (client !== null) discard(client);
      if (signal.aborted) throw signal.reason;
      throw asHubError(error, url.host, false);
    }
  }

  /** What may be redirected to depends on where the hub is, which is looked up until it is known. */
  #connectElsewhere(): Promise<Connect> {
    this.#elsewhere ??= resolve(bareHost(this.hub)).then((addresses) => {
      const permits = createAddressGuard({ allow: networksBeside(addresses) });
      return createConnector({ permits, resolve, timeoutMs: CONNECT_MS });
    });
    this.#elsewhere.catch(() => {
      this.#elsewhere = null;
    });
    return this.#elsewhere;
  }
}

/** Not over a network where others read along; on this machine there are none. */
export function maySendToken(hub: URL): boolean {
  const ip = parseIp(bareHost(hub));
  return hub.protocol === "https:" || hub.hostname === "localhost" || (ip !== null && isLoopbackIp(ip));
}

function bareHost({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** By the system's resolver: a mirror may have a name of the house. */
async function resolve(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

async function* told(
  body: Readable,
  client: Client,
  host: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw asHubError(error, host, true);
  } finally {
    discard(client);
  }
}

function discard(client: Client): void {
  client.destroy().catch(() => {});
}

function headersOf({ headers }: Dispatcher.ResponseData): Headers {
  const given = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [[name.toLowerCase(), Array.isArray(value) ? value.join(", ") : value] as const],
  );
  return Object.fromEntries(given);
}
