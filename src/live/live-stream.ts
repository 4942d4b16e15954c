/**
 * `GET /v1/live`: what goes on, as server-sent events; docs/live.md is its protocol.
 *
 * One stream carries everything that a page watches, because a browser opens no more than six connections to a server. It
 * has no position to resume from: who comes back gets a snapshot, which is small.
 */
import type { ServerResponse } from "node:http";
import express from "express";
import { z } from "zod";
import { ApiError } from "../http/api-error.ts";
import { type DeskOptions, RequestDesk, type Visit } from "../http/desk.ts";
import type { LiveCallState } from "./live-call.ts";
import type { LiveFeed, LiveNews, Watcher } from "./live-feed.ts";

export const LIVE_PATH = "/v1/live";

export interface LiveStreamOptions extends Omit<DeskOptions, "name" | "scope"> {
  feed: LiveFeed;
  /** A phone number or a client's name as watchers of that call are shown it. */
  mask: (party: string, callSid: string) => string;
}

/** While more than this waits to be read, a watcher is told nothing. */
const HIGH_WATER_BYTES = 256 * 1024;
/** Proxies close what is silent for a minute. */
const KEEP_ALIVE_MS = 15_000;
/** How long a browser waits before it comes back, ms. */
const RETRY_MS = 2000;
/** How long a watcher may read nothing. */
const SLOW_READER_MS = 60_000;

const query = z.strictObject({
  call: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .optional(),
});

export class LiveStream {
  readonly router: express.Router = express.Router();
  readonly #options: LiveStreamOptions;
  readonly #desk: RequestDesk;
  /** News is the same for all that watch everything: it is written out once. */
  readonly #written = new WeakMap<LiveNews, string>();

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.#desk = new RequestDesk({ ...options, name: "live", scope: "read" });
    this.router.get(LIVE_PATH, (request, response) =>
      this.#desk.serve(request, response, (visit) => this.#watch(visit, callOf(request.query))),
    );
  }

  /** No new watchers from now on. */
  drain(): void {
    this.#desk.drain();
  }

  /** Ends every stream. */
  close(): void {
    this.#desk.close();
  }

  async #watch({ exchange, log }: Visit, callSid: string | null): Promise<void> {
    const { response, signal } = exchange;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    const watcher = new StreamWatcher(response, callSid, {
      news: (news) => this.#newsText(news),
      snapshot: (calls) => JSON.stringify(calls.map((call) => this.#masked(call))),
      slow: () =>
        exchange.end(new ApiError(408, "SOCKET_SLOW_READER", "The client does not read what it is sent")),
    });
    const leave = this.#options.feed.watch(watcher);
    const keepAlive = setInterval(() => watcher.keepAlive(), KEEP_ALIVE_MS);
    try {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      clearInterval(keepAlive);
      leave();
      response.end();
      log.info({ callSid }, "a watcher has left");
    }
  }

  #newsText(news: LiveNews): string {
    const written = this.#written.get(news);
    if (written !== undefined) return written;
    const text = JSON.stringify(
      news.map((each) => (each.type === "call.started" ? this.#masked(each) : each)),
    );
    this.#written.set(news, text);
    return text;
  }

  #masked<T extends { callSid: string; from: string; to: string }>(call: T): T {
    const { mask } = this.#options;
    return { ...call, from: mask(call.from, call.callSid), to: mask(call.to, call.callSid) };
  }
}

/** How one watcher's events are written. */
interface Writers {
  news: (news: LiveNews) => string;
  snapshot: (calls: LiveCallState[]) => string;
  /** It has read nothing for too long. */
  slow: () => void;
}

class StreamWatcher implements Watcher {
  readonly callSid: string | null;
  readonly #response: ServerResponse;
  readonly #writers: Writers;
  #unreadSince: number | null = null;

  constructor(response: ServerResponse, callSid: string | null, writers: Writers) {
    this.#response = response;
    this.callSid = callSid;
    this.#writers = writers;
  }

  ready(): boolean {
    if (this.#response.writableLength <= HIGH_WATER_BYTES) {
      this.#unreadSince = null;
      return true;
    }
    this.#unreadSince ??= performance.now();
    if (performance.now() - this.#unreadSince > SLOW_READER_MS) {
      this.#writers.slow();
      this.#response.destroy();
    }
    return false;
  }

  snapshot(calls: LiveCallState[]): void {
    this.#send("snapshot", this.#writers.snapshot(calls));
  }

  news(news: LiveNews): void {
    this.#send("news", this.#writers.news(news));
  }

  keepAlive(): void {
    if (!this.#response.writableEnded) this.#response.write(": still here\n\n");
  }

  #send(event: string, json: string): void {
    if (!this.#response.writableEnded) this.#response.write(`event: ${event}\ndata: ${json}\n\n`);
  }
}

function callOf(given: unknown): string | null {
  const parsed = query.safeParse(given);
  if (parsed.success) return parsed.data.call ?? null;
  const issue = parsed.error.issues[0];
  const param = issue?.code === "unrecognized_keys" ? (issue.keys[0] ?? null) : "call";
  throw new ApiError(
    400,
    "REQUEST_UNSUPPORTED_OPTION",
    'Expected at most the option "call", once, with the id of a call',
    {
      param,
    },
  );
}
