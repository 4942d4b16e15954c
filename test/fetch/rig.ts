/**
 * Real servers on two loopback addresses: an outside one, which tests allow, and an inside one, which nothing may reach.
 */
import http, { type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { createFetcher, type Fetcher, type FetcherOptions } from "../../src/fetch/fetcher.ts";

/** Loopback as well, but not the address that everything inside listens on. */
export const OUTSIDE = "127.0.0.2";
export const INSIDE = "127.0.0.1";

export async function listen(
  t: TestContext,
  address: string,
  answer: RequestListener,
  port = 0,
): Promise<number> {
  const server = http.createServer(answer);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, resolve);
  });
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** One port, free on both addresses: what is free on the one may be in use on the other. */
async function listenOnBoth(
  t: TestContext,
  outside: RequestListener,
  inside: RequestListener,
): Promise<number> {
  for (let left = 20; ; left--) {
    const port = await listen(t, OUTSIDE, outside);
    try {
      return await listen(t, INSIDE, inside, port);
    } catch (error) {
      if (left === 0 || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
}

export interface Rig {
  fetcher: Fetcher;
  counters: Counters;
  port: number;
  /** URL of the outside server, by a name. */
  url: string;
  /** Requests that reached the inside server: has to stay empty. */
  reached: string[];
  /** Names that were resolved, in order. */
  resolved: string[];
}

/** A fetcher that may reach the outside server, whose name is any name, unless `resolve` says otherwise. */
export async function startRig(
  t: TestContext,
  answer: RequestListener,
  options: Partial<FetcherOptions> = {},
): Promise<Rig> {
  const reached: string[] = [];
  const resolved: string[] = [];
  const port = await listenOnBoth(t, answer, (request, response) => {
    reached.push(request.url ?? "");
    response.end("inside");
  });
  const counters = new Counters();
  const fetcher = createFetcher({
    allow: [OUTSIDE],
    ports: [port, 80, 443],
    counters,
    ...options,
    resolve: async (name) => {
      resolved.push(name);
      return options.resolve ? options.resolve(name) : [OUTSIDE];
    },
  });
  return { fetcher, counters, port, url: `http://media.example:${port}/`, reached, resolved };
}

export const GET = { maximumBytes: 1_000_000, timeoutMs: 5000 };

/** The code of the error that `work` fails with. */
export async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
