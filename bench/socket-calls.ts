/**
 * Calls at once through the whole product: a real server process, real media sockets, a receiver of webhooks; in real
 * time, each with other clips and another start.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { replayCall } from "../src/cli/replay/replay.ts";
import { callFromSounds } from "../src/cli/replay/sound-call.ts";
import type { CallEvent } from "../src/transcript/event.ts";
import { type Receiver, SECRET, startReceiver } from "../test/e2e/receiver.ts";
import type { BenchEngine, ServerFigures } from "./calls-server.ts";
import type { Clip } from "./corpus.ts";
import { type Alone, aloneOf, type Delays, delaysOf, heardWords, type PlayedCall } from "./held.ts";
import { differentCalls, type PlannedCall, planCall } from "./planned-call.ts";
import { type ServerProcess, type ShownPartial, startServerProcess } from "./server-process.ts";

export const LOADS = ["partials", "finals", "twoTrack"] as const;
export type Load = (typeof LOADS)[number];

/** Audio of one call, at least. */
export const CALL_MS = 45_000;
/** Calls start one after the other within this time. */
export const STAGGER_MS = 8000;
/** Calls that a server admits by itself. */
export const ADMITTED = 100;
const CALL_END_WAIT_MS = 180_000;
const AUTH_TOKEN = "bench";

export interface SocketCallsOptions {
  load: Load;
  clips: readonly Clip[];
  callMs?: number;
  /** Calls that the server admits, where it is to be more than it does by itself. */
  admitted?: number;
  /** Another engine than the shipped configuration's. */
  engine?: BenchEngine;
}

export type SocketOutcome = Delays & { figures: ServerFigures; ownCpu: number; seconds: number };

export class SocketCalls {
  readonly #options: Required<Pick<SocketCallsOptions, "load" | "clips" | "callMs">>;
  readonly #server: ServerProcess;
  readonly #receiver: Receiver;
  readonly #folder: string;
  readonly #partials: Map<string, ShownPartial[]>;
  /** Of each different call. */
  readonly #alone: Alone[] = [];
  readonly description: string;

  private constructor(
    options: Required<Pick<SocketCallsOptions, "load" | "clips" | "callMs">>,
    receiver: Receiver,
    folder: string,
    { server, partials }: { server: ServerProcess; partials: Map<string, ShownPartial[]> },
  ) {
    this.#options = options;
    this.#server = server;
    this.#receiver = receiver;
    this.#folder = folder;
    this.#partials = partials;
    this.description = `${server.workers} worker(s) of ${server.threads} thread(s)`;
  }

  static async start(options: SocketCallsOptions): Promise<SocketCalls> {
    const { load, clips, callMs = CALL_MS, admitted = ADMITTED, engine } = options;
    const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-calls-"));
    const receiver = await startReceiver();
    const number =
      load === "twoTrack" ? { mode: "start", tracks: ["inbound", "outbound"] } : { mode: "connect" };
    const settings = {
      insecure: true,
      host: "127.0.0.1",
      port: 0,
      store: { path: path.join(folder, "linescribe.db") },
      limits: { calls: Math.max(ADMITTED, admitted) },
      callback: { url: receiver.url, secrets: [SECRET] },
      numbers: [
        { number: "*", ...number, ...(load === "twoTrack" ? { then: { dial: "+15550100199" } } : {}) },
      ],
    };
    const partials = new Map<string, ShownPartial[]>();
    const special = engine ? { engine } : {};
    const server = await startServerProcess(
      { settings, partials: load !== "finals", ...special },
      (shown) => {
        const { callSid } = shown.partial;
        const heard = partials.get(callSid);
        if (heard) heard.push(shown);
        else partials.set(callSid, [shown]);
      },
    );
    return new SocketCalls({ load, clips, callMs }, receiver, folder, { server, partials });
  }

  async measure(count: number): Promise<SocketOutcome> {
    const { load, clips, callMs } = this.#options;
    const different = differentCalls(clips);
    const planned = Array.from({ length: Math.min(count, different) }, (_, index) =>
      planCall(clips, index, { twoTracks: load === "twoTrack", callMs }),
    );
    for (const call of planned.slice(this.#alone.length)) {
      this.#alone.push(aloneOf(await this.#play(call, "max")));
    }
    this.#partials.clear();
    this.#server.begin();
    const began = performance.now();
    const own = process.cpuUsage();
    const played = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        await sleep((index * STAGGER_MS) / count);
        return this.#play(planned[index % different] as PlannedCall, 1);
      }),
    );
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(own);
    const figures = await this.#server.figures();
    const alone = played.map((_, index) => this.#alone[index % different] as Alone);
    return { ...delaysOf(played, alone), figures, ownCpu: (user + system) / 1e6 / seconds, seconds };
  }

  async #play({ sounds, clips }: PlannedCall, speed: 1 | "max"): Promise<PlayedCall> {
    const voiceUrl = `${this.#server.url}/twilio/voice`;
    const report = await replayCall({ voiceUrl, authToken: AUTH_TOKEN, call: callFromSounds(sounds), speed });
    const arrivals = await this.#receiver.ended(report.callSid, CALL_END_WAIT_MS);
    const finals = arrivals.flatMap(({ event, at }) =>
      event.type === "transcript.final" ? [{ final: event, at }] : [],
    );
    const gaps = arrivals.filter(({ event }) => event.type === "transcript.gap").length;
    return {
      clips,
      finals,
      partials: this.#partials.get(report.callSid) ?? [],
      startedAt: report.streams[0]?.startedAt ?? 0,
      reference: clips.flatMap(({ words }) => words.map(({ word }) => word)),
      hypothesis: heardWords(finals),
      lost: gaps + report.errors.length + missing(arrivals.map(({ event }) => event)),
    };
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#receiver.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Events of a call that its end says there are and that did not arrive. */
function missing(events: readonly CallEvent[]): number {
  const ended = events.find(({ type }) => type === "call.ended");
  return (ended?.sequence ?? Infinity) - new Set(events.map(({ id }) => id)).size;
}
