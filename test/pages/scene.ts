/**
 * Calls that say what a test wants them to say, seen through the whole of pages, live stream and API: only the telephone and
 * the engine are missing.
 */

import { mkdtempSync, rmSync } from "node:fs";
import type http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { createAccess } from "../../src/access/access.ts";
import { createKeyText, type Scope } from "../../src/access/key.ts";
import { createCallsApi } from "../../src/app/calls-api.ts";
import { createHttp } from "../../src/app/http.ts";
import { createLive, type Live } from "../../src/app/live.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createPages } from "../../src/pages/pages.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import type { CallEvent, EventDraft, Track } from "../../src/transcript/event.ts";
import { LIMITS } from "../access/rig.ts";

export interface Scene {
  url: string;
  store: Store;
  counters: Counters;
  live: Live;
  addKey(scopes: Scope[]): { id: string; key: string };
  /** A call begins; `agoMs` before now. */
  begin(callSid: string, more?: Begin): SceneCall;
  close(): Promise<void>;
}

export interface Begin {
  from?: string;
  to?: string;
  kind?: "call" | "session";
  agoMs?: number;
  endpoint?: string | null;
  parameters?: Record<string, string>;
  tracks?: Track[];
}

export interface SceneCall {
  callSid: string;
  /** A final; the time goes on by its length. Words in `unsure` were hardly understood. */
  say(track: Track, text: string, language?: string, unsure?: readonly string[]): CallEvent;
  /** What is being said. */
  hear(track: Track, text: string): void;
  gap(track: Track, ms: number): void;
  press(digit: string): void;
  /** What became of the deliveries that are owed, the first ones first. */
  settle(...outcomes: ("delivered" | "dead" | "retry")[]): void;
  end(): void;
}

const LABELS: Record<Track, string> = { inbound: "caller", outbound: "agent" };
const WORD_MS = 320;
const PAUSE_MS = 700;
const DELAY_MS = 900;

export async function startScene(): Promise<Scene> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-scene-"));
  const counters = new Counters();
  const clock = { at: null as number | null };
  const store = openStore({ path: path.join(folder, "scene.db"), now: () => clock.at ?? Date.now() });
  const common = { logger: silentLogger, counters };
  const access = createAccess({
    keys: store.keys,
    logins: store.logins,
    trustedProxies: 0,
    origins: [],
    publicUrl: null,
    maximumSessionMs: 3_600_000,
    limits: LIMITS,
    log: silentLogger,
    counters,
  });
  const live = createLive({ access, store, ...common });
  const calls = createCallsApi({ access, store, onResent: () => {}, ...common });
  const server: http.Server = createHttp([live.router, calls.router, createPages({ access })]);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = <T>(time: number, work: () => T): T => {
    clock.at = time;
    try {
      return work();
    } finally {
      clock.at = null;
    }
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    store,
    counters,
    live,
    addKey: (scopes) => {
      const { id, hash, text } = createKeyText();
      const key = { id, name: "test", scopes, secretHash: hash, createdAt: Date.now(), expiresAt: null };
      store.keys.add(key);
      return { id, key: text };
    },
    begin: (callSid, more = {}) => beginCall(store, live, at, callSid, more),
    close: async () => {
      live.close();
      calls.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      access.close();
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function beginCall(
  store: Store,
  live: Live,
  at: <T>(time: number, work: () => T) => T,
  callSid: string,
  {
    from = "+15550100123",
    to = "+15550100200",
    kind = "call",
    agoMs = 0,
    endpoint = null,
    parameters = {},
    tracks = ["inbound", "outbound"],
  }: Begin,
): SceneCall {
  const startedAt = Date.now() - agoMs;
  const labels = tracks.map((track) => ({ track, label: kind === "session" ? "speaker" : LABELS[track] }));
  const labelOf = (track: Track): string => labels.find((one) => one.track === track)?.label ?? track;
  let mediaMs = 0;
  const numbers = { inbound: 1, outbound: 1, gap: 1, press: 1, finals: 0, gaps: 0 };
  const commit = (draft: EventDraft): CallEvent => {
    const [event] = at(startedAt + mediaMs + DELAY_MS, () => store.commit(callSid, [draft]));
    live.feed.event(event as CallEvent);
    return event as CallEvent;
  };
  at(startedAt, () => {
    store.openCall({ callSid, kind, from, to, mode: "start", endpoint, tracks: labels, startedAt });
    store.setMediaStart(callSid, startedAt);
  });
  const announced = { language: "en", announcement: null, parameters };
  commit({ type: "call.started", from, to, mode: "start", tracks: labels, ...announced });
  return {
    callSid,
    say: (track, text, language = "en", unsure = []) => {
      const startMs = mediaMs + PAUSE_MS;
      const words = text.split(" ").map((word, index) => ({
        word,
        startMs: startMs + index * WORD_MS,
        endMs: startMs + (index + 1) * WORD_MS - 40,
        confidence: unsure.includes(word) ? 0.38 : 0.93,
      }));
      mediaMs = startMs + words.length * WORD_MS;
      numbers.finals += 1;
      const place = { track, label: labelOf(track), utterance: numbers[track]++, startMs, endMs: mediaMs };
      return commit({ type: "transcript.final", ...place, text, language, confidence: 0.93, words });
    },
    hear: (track, text) => {
      const startMs = mediaMs + PAUSE_MS;
      const place = { track, label: labelOf(track), utterance: numbers[track], startMs };
      const endMs = startMs + text.split(" ").length * WORD_MS;
      const shown = { endMs, text, stable: 0, endpoint: false };
      live.feed.partial({ type: "transcript.partial", callSid, ...place, ...shown });
    },
    gap: (track, ms) => {
      const startMs = mediaMs + PAUSE_MS;
      mediaMs = startMs + ms;
      numbers.gaps += 1;
      const place = { track, label: labelOf(track), gap: numbers.gap++, startMs, endMs: mediaMs };
      commit({ type: "transcript.gap", ...place, cause: "not_received" });
    },
    press: (digit) => {
      mediaMs += PAUSE_MS;
      commit({ type: "call.dtmf", track: "inbound", press: numbers.press++, digit, atMs: mediaMs });
    },
    settle: (...outcomes) => {
      for (const outcome of outcomes) {
        const heads = store.dueHeads(endpoint ?? "", Date.now(), 100);
        const head = heads.find((one) => one.callSid === callSid);
        if (head === undefined) throw new RangeError(`Nothing is owed of ${callSid}`);
        const good = outcome === "delivered";
        const told = { status: good ? 204 : 503, error: good ? null : "HTTP 503", response: null };
        const now = Date.now();
        store.settle([{ head, outcome, at: now, nextAt: now + 60_000, strike: !good, ...told }]);
      }
    },
    end: () => {
      const { finals, gaps } = numbers;
      commit({ type: "call.ended", reason: "stream_stopped", durationMs: Math.round(mediaMs), finals, gaps });
    },
  };
}
