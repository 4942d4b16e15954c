/**
 * The API of files over real HTTP, with small ports behind it, a real queue of callbacks, and servers outside and inside.
 */
import type http from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { createHttp } from "../../src/app/http.ts";
import { encodeWav } from "../../src/audio/wav.ts";
import { Counters } from "../../src/base/counters.ts";
import { ListenFiles, type ListenFilesOptions } from "../../src/deepgram/listen-files.ts";
import { OutsideCallbacks, type OutsideCallbacksOptions } from "../../src/delivery/outside-callbacks.ts";
import { MediaDecoder } from "../../src/media/decoder.ts";
import { Transcriber } from "../../src/recording/transcriber.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";
import { recordingLogger } from "../delivery/rig.ts";
import { startRig as startFetch } from "../fetch/rig.ts";
import { createNearWorker } from "../media/near-worker.ts";
import { ADMITTED } from "../openai/rig.ts";
import { temporaryFile } from "../store/sample.ts";

export interface Rig {
  /** Of the API. */
  url: string;
  server: http.Server;
  api: ListenFiles;
  callbacks: OutsideCallbacks;
  store: Store;
  storeFile: string;
  counters: Counters;
  recogniser: ScriptedRecogniser;
  logged: string[];
  /** URL of the server outside. */
  outside: string;
  port: number;
  /** What it answers to a file that is asked for. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** What was posted or put to it, parsed. */
  posted: { path: string; method: string; body: Answered }[];
  /** Requests that reached what is inside: has to stay empty. */
  reached: string[];
  ask(
    query: string,
    body: Body,
    init?: RequestInit,
  ): Promise<{ status: number; headers: Headers; body: Answered }>;
}

export type Body = RequestInit["body"];

/** As much of an answer as tests look at. */
export interface Answered {
  request_id?: string;
  err_code?: string;
  err_msg?: string;
  metadata?: Record<string, unknown>;
  results?: {
    channels: { detected_language?: string; alternatives: Record<string, unknown>[] }[];
    utterances?: Record<string, unknown>[];
  };
}

export async function startApi(
  t: TestContext,
  more: Partial<ListenFilesOptions> = {},
  queue: Partial<OutsideCallbacksOptions> = {},
  resolve?: (name: string) => Promise<readonly string[]>,
): Promise<Rig> {
  const counters = new Counters();
  const logged: string[] = [];
  const [recogniser, detector] = [new ScriptedRecogniser(), new LoudnessDetector()];
  const shared = { logger: recordingLogger(logged), counters };
  const posted: Rig["posted"] = [];
  const found = await startFetch(
    t,
    async (request, response) => {
      const { method = "", url = "" } = request;
      if (method !== "GET") posted.push({ path: url, method, body: JSON.parse(await text(request)) });
      rig.answer(request, response);
    },
    resolve ? { resolve } : {},
  );
  const storeFile = temporaryFile(t);
  const store = openStore({ path: storeFile });
  const callbacks = new OutsideCallbacks({
    callbacks: store.callbacks,
    fetcher: found.fetcher,
    ...shared,
    ...queue,
  });
  callbacks.start();
  const decoder = new MediaDecoder({ counters, createWorker: createNearWorker });
  const api = new ListenFiles({
    access: { admit: async () => ADMITTED, allowsOrigin: () => false },
    decoder,
    transcriber: new Transcriber({
      detector,
      recogniser,
      endpointer: PROFILES.phone,
      priority: "file",
      ...shared,
    }),
    fetcher: found.fetcher,
    callbacks,
    model: "whisper-base",
    language: (tag) => (tag === "tlh" ? null : (tag.split("-")[0] as string)),
    maximumRequests: 4,
    maximumFileBytes: 1_000_000,
    now: () => 1_800_000_000_000,
    ...shared,
    ...more,
  });
  const server = createHttp([], [api.router]);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(async () => {
    await api.close();
    decoder.close();
    await callbacks.stop(0);
    store.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rig: Rig = {
    url,
    server,
    api,
    callbacks,
    store,
    storeFile,
    counters,
    recogniser,
    logged,
    outside: found.url,
    port: found.port,
    posted,
    reached: found.reached,
    answer: (_, response) => void response.end(),
    async ask(query, body, init = {}) {
      const headers = { "content-type": "application/octet-stream" };
      const response = await fetch(`${url}/v1/listen${query}`, {
        method: "POST",
        headers,
        body: body ?? null,
        ...init,
      });
      const answered = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: answered === "" ? {} : (JSON.parse(answered) as Answered),
      };
    },
  };
  return rig;
}

export const JSON_TYPE = { headers: { "content-type": "application/json; charset=utf-8" } };

/** Samples of 16 kHz with a tone in each of the given spans, ms. */
export function tones(lengthMs: number, spans: readonly [startMs: number, endMs: number][]): Float32Array {
  const samples = new Float32Array(lengthMs * 16);
  for (const [startMs, endMs] of spans)
    for (let at = startMs * 16; at < endMs * 16; at++) samples[at] = 0.4 * Math.sin(at / 6);
  return samples;
}

export function wavOf(...channels: Float32Array[]): Uint8Array<ArrayBuffer> {
  return encodeWav({ rateHz: 16_000, encoding: "s16", channels }) as Uint8Array<ArrayBuffer>;
}
