/**
 * The API over real HTTP, with small ports behind it and the unmodified client in front.
 */
import type http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import OpenAI from "openai";
import type { Admitted } from "../../src/access/access.ts";
import { createHttp } from "../../src/app/http.ts";
import { encodeWav } from "../../src/audio/wav.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { MediaDecoder } from "../../src/media/decoder.ts";
import { Transcriptions, type TranscriptionsOptions } from "../../src/openai/transcriptions.ts";
import { Transcriber } from "../../src/recording/transcriber.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { LoudnessDetector, ScriptedRecogniser } from "../call/fakes.ts";
import { createNearWorker } from "../media/near-worker.ts";

export interface Rig {
  url: string;
  client: OpenAI;
  server: http.Server;
  api: Transcriptions;
  counters: Counters;
  recogniser: ScriptedRecogniser;
  detector: LoudnessDetector;
  released: () => number;
}

export const ADMITTED: Admitted = {
  ok: true,
  keyId: "key",
  address: "127.0.0.1",
  maximumSessionMs: 60_000,
  signal: new AbortController().signal,
  release() {},
};

/** Starts the API on a free port. What it transcribes is how many ms each utterance lasts. */
export async function startApi(t: TestContext, more: Partial<TranscriptionsOptions> = {}): Promise<Rig> {
  const counters = new Counters();
  const [recogniser, detector] = [new ScriptedRecogniser(), new LoudnessDetector()];
  const shared = { logger: silentLogger, counters };
  const decoder = new MediaDecoder({ counters, createWorker: createNearWorker });
  const endpointer = PROFILES.phone;
  let released = 0;
  const api = new Transcriptions({
    access: {
      admit: async () => ({
        ...ADMITTED,
        release: () => {
          released += 1;
        },
      }),
    },
    decoder,
    transcriber: new Transcriber({ detector, recogniser, endpointer, priority: "file", ...shared }),
    models: ["whisper-base"],
    language: (tag) => (tag === "tlh" ? null : tag === "auto" ? "auto" : (tag.split("-")[0] as string)),
    maximumRequests: 4,
    maximumFileBytes: 1_000_000,
    ...shared,
    ...more,
  });
  const server = createHttp([], [api.router]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    api.close();
    decoder.close();
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new OpenAI({ apiKey: "key", baseURL: `${url}/v1`, maxRetries: 0 });
  return { url, client, server, api, counters, recogniser, detector, released: () => released };
}

/** A WAV file of 16 kHz with a tone in each of the given spans, ms. */
export function toneFile(lengthMs: number, spans: readonly [startMs: number, endMs: number][]): File {
  const samples = new Float32Array(lengthMs * 16);
  for (const [startMs, endMs] of spans) {
    for (let at = startMs * 16; at < endMs * 16; at++) samples[at] = 0.4 * Math.sin(at / 6);
  }
  const wav = encodeWav({ rateHz: 16_000, encoding: "s16", channels: [samples] });
  return new File([wav as Uint8Array<ArrayBuffer>], "tones.wav");
}

/** Resolves when it is so; fails when it is not within 10 s. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error("Waited for too long");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
