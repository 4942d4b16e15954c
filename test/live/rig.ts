/**
 * A live feed over real HTTP, a clock that ticks when it is told to, and a client that reads server-sent events.
 */
import type http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { createHttp } from "../../src/app/http.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { LiveCallState } from "../../src/live/live-call.ts";
import { LiveFeed, type LiveNews } from "../../src/live/live-feed.ts";
import { LiveStream, type LiveStreamOptions } from "../../src/live/live-stream.ts";
import type { StoredCall } from "../../src/store/calls.ts";
import type { CallEvent, EventDraft } from "../../src/transcript/event.ts";
import type { TranscriptPartial } from "../../src/transcript/partial.ts";
import { ADMITTED } from "../openai/rig.ts";

export const STARTED_AT = Date.UTC(2026, 10, 23);

export function storedCall(callSid: string, more: Partial<StoredCall> = {}): StoredCall {
  return {
    callSid,
    kind: "call",
    to: "+15550001111",
    from: "+15552223333",
    mode: "start",
    endpoint: null,
    tracks: [{ track: "inbound", label: "caller" }],
    startedAt: STARTED_AT,
    mediaStartAt: null,
    endedAt: null,
    lastSequence: 0,
    ...more,
  };
}

export function eventOf(callSid: string, sequence: number, draft: EventDraft): CallEvent {
  const id = `msg_${callSid}_${sequence}`;
  return { ...draft, version: 1, id, callSid, sequence, timestamp: new Date(STARTED_AT).toISOString() };
}

export function finalOf(callSid: string, utterance: number, text: string): CallEvent {
  const startMs = utterance * 1000;
  return eventOf(callSid, utterance + 1, {
    type: "transcript.final",
    track: "inbound",
    label: "caller",
    utterance,
    startMs,
    endMs: startMs + 900,
    text,
    language: "en",
    confidence: 0.9,
    words: [],
  });
}

export function partialOf(callSid: string, utterance: number, text: string): TranscriptPartial {
  const startMs = utterance * 1000;
  const place = { track: "inbound", label: "caller", utterance, startMs, endMs: startMs + 500 } as const;
  return { type: "transcript.partial", callSid, ...place, text, stable: 0, endpoint: false };
}

export interface FeedRig {
  feed: LiveFeed;
  counters: Counters;
  /** Runs what is due at an interval. */
  tick: () => void;
  ticking: () => boolean;
}

export function createFeed(
  calls: readonly StoredCall[] = [storedCall("CA1"), storedCall("CA2")],
  lookup = (callSid: string) => calls.find((call) => call.callSid === callSid) ?? null,
): FeedRig {
  const counters = new Counters();
  let task: (() => void) | null = null;
  const feed = new LiveFeed({
    lookup,
    counters,
    every: (_intervalMs, run) => {
      task = run;
      return () => {
        task = null;
      };
    },
  });
  return { feed, counters, tick: () => task?.(), ticking: () => task !== null };
}

export interface StreamRig extends FeedRig {
  url: string;
  stream: LiveStream;
  server: http.Server;
}

export async function startStream(
  t: TestContext,
  more: Partial<LiveStreamOptions> = {},
  calls?: readonly StoredCall[],
): Promise<StreamRig> {
  const rig = createFeed(calls);
  const stream = new LiveStream({
    feed: rig.feed,
    access: { admit: async () => ADMITTED },
    mask: (party) => `...${party.slice(-2)}`,
    maximumRequests: 8,
    describe: ({ code, message, param }) => ({ body: { code, message, param } }),
    logger: silentLogger,
    counters: rig.counters,
    ...more,
  });
  const server = createHttp([stream.router]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    stream.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    ...rig,
    stream,
    server,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/live`,
  };
}

export type Told = { event: "snapshot"; data: LiveCallState[] } | { event: "news"; data: LiveNews };

/** Reads a stream event by event. */
export class EventReader {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #abort: AbortController;
  #text = "";

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader();
  }

  static async open(url: string): Promise<EventReader> {
    const abort = new AbortController();
    return new EventReader(await fetch(url, { signal: abort.signal }), abort);
  }

  /** The next event; null when the stream has ended. */
  async next(): Promise<Told | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        const told = /^event: (\w+)\ndata: (.*)$/s.exec(block);
        if (told) return { event: told[1], data: JSON.parse(told[2] as string) } as Told;
        continue;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  close(): void {
    this.#abort.abort();
  }
}
