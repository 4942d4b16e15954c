/**
 * Callbacks with a real store, real requests to a receiver that is outside, and a clock that a test moves.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { Counters } from "../../src/base/counters.ts";
import { OutsideCallbacks, type OutsideCallbacksOptions } from "../../src/delivery/outside-callbacks.ts";
import type { FetcherOptions } from "../../src/fetch/fetcher.ts";
import type { NewCallback } from "../../src/store/callbacks.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { startRig as startFetch } from "../fetch/rig.ts";
import { temporaryFile } from "../store/sample.ts";
import { recordingLogger } from "./rig.ts";

export interface Posted {
  path: string;
  method: string;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface Rig {
  store: Store;
  callbacks: OutsideCallbacks;
  counters: Counters;
  logged: string[];
  clock: { at: number };
  /** What came, in order. */
  posted: Posted[];
  /** Requests that reached what is inside: has to stay empty. */
  reached: string[];
  /** URL of the receiver. */
  url: string;
  port: number;
  answer: (posted: Posted, response: ServerResponse) => void;
  /** A callback of request `requestId`. */
  of(requestId: string, body: string, more?: Partial<NewCallback>): NewCallback;
  /** Stops, and starts again on the same store as another process would. */
  restart(): Promise<void>;
  /** Moves the clock and waits until nothing more can be sent at that time. */
  advance(ms: number): Promise<void>;
}

export async function startRig(
  t: TestContext,
  options: Partial<OutsideCallbacksOptions> = {},
  fetching: Partial<FetcherOptions> = {},
): Promise<Rig> {
  const clock = { at: 1_800_000_000_000 };
  const path = temporaryFile(t);
  const posted: Posted[] = [];
  const { fetcher, port, url, reached } = await startFetch(
    t,
    async (request, response) => {
      const { url: where = "", method = "", headers } = request;
      const one = { path: where, method, headers, body: await text(request) };
      posted.push(one);
      rig.answer(one, response);
    },
    fetching,
  );
  const counters = new Counters();
  const logged: string[] = [];
  const open = () => openStore({ path, now: () => clock.at });
  const create = (store: Store) => {
    const { callbacks } = store;
    const logger = recordingLogger(logged);
    return new OutsideCallbacks({ callbacks, fetcher, logger, counters, now: () => clock.at, ...options });
  };
  const store = open();
  const rig: Rig = {
    store,
    callbacks: create(store),
    counters,
    logged,
    clock,
    posted,
    reached,
    url,
    port,
    answer: (_, response) => void response.end(),
    of: (requestId, body, more = {}) => ({ requestId, keyId: "key1", url, method: "POST", body, ...more }),
    async restart() {
      await rig.callbacks.stop(0);
      rig.store.close();
      rig.store = open();
      rig.callbacks = create(rig.store);
    },
    async advance(ms) {
      clock.at += ms;
      await rig.callbacks.quiet();
    },
  };
  t.after(async () => {
    await rig.callbacks.stop(0);
    rig.store.close();
  });
  return rig;
}
