/**
 * The product as a carrier and a webhook receiver see it: a server in this process, calls played into it, events that
 * came out with their signatures verified.
 */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { loadConfig } from "../src/app/config.ts";
import type { Engine } from "../src/app/engine.ts";
import { type RunningServer, startServer } from "../src/app/server.ts";
import { silentLogger } from "../src/base/log.ts";
import type { Speed } from "../src/cli/replay/call-clock.ts";
import type { RecordedCall } from "../src/cli/replay/recorded-call.ts";
import { replayCall } from "../src/cli/replay/replay.ts";
import { type Arrival, type Receiver, SECRET, startReceiver } from "../test/e2e/receiver.ts";

/** A machine that cannot keep up is measured all the same. */
const CALL_END_WAIT_MS = 600_000;
const AUTH_TOKEN = "bench";
/** Numbers that nobody has; one for each setting that a call can be played with. */
const NUMBER = "+15550100";

export interface NumberSetting {
  language: string;
  hints?: readonly string[];
}

type EventOf<T extends string> = Extract<Arrival["event"], { type: T }>;
export type ArrivedFinal = EventOf<"transcript.final"> & { at: number };

export interface PlayedCall {
  finals: ArrivedFinal[];
  gaps: EventOf<"transcript.gap">[];
  /** Finals that were committed and did not arrive. */
  lost: number;
  /** Errors that the carrier would have logged. */
  errors: number;
  /** Unix ms of media time 0. */
  startedAt: number;
}

export interface BenchServer {
  /** @param setting - Index into the settings that the server was started with. */
  play(call: RecordedCall, speed: Speed, setting?: number): Promise<PlayedCall>;
  stop(): Promise<void>;
}

/** @throws {LinescribeError} `CONFIG_INVALID`, also for hints where numbers have none. */
export async function startBenchServer(
  engine: Engine,
  settings: readonly NumberSetting[] = [{ language: "en" }],
): Promise<BenchServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-bench-"));
  const receiver = await startReceiver();
  const clear = async (): Promise<void> => {
    await receiver.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const config = loadConfig({
      environment: {},
      overrides: {
        insecure: true,
        host: "127.0.0.1",
        port: 0,
        store: { path: path.join(folder, "linescribe.db") },
        callback: { url: receiver.url, secrets: [SECRET] },
        numbers: settings.map((setting, index) => ({ number: numberOf(index), mode: "connect", ...setting })),
      },
    });
    const server = await startServer({ config, logger: silentLogger, engine });
    const stop = async (): Promise<void> => {
      await server.stop();
      await clear();
    };
    return { play: (call, speed, setting = 0) => play(server, receiver, call, speed, setting), stop };
  } catch (error) {
    await clear();
    throw error;
  }
}

async function play(
  server: RunningServer,
  receiver: Receiver,
  call: RecordedCall,
  speed: Speed,
  setting: number,
): Promise<PlayedCall> {
  const voiceUrl = `${server.url}/twilio/voice`;
  const report = await replayCall({ voiceUrl, authToken: AUTH_TOKEN, call, speed, to: numberOf(setting) });
  const arrivals = await receiver.ended(report.callSid, CALL_END_WAIT_MS);
  const finals = arrivals.flatMap(({ event, at }) =>
    event.type === "transcript.final" ? [{ ...event, at }] : [],
  );
  const stored = server.store.events(report.callSid).filter(({ type }) => type === "transcript.final");
  return {
    finals,
    gaps: arrivals.flatMap(({ event }) => (event.type === "transcript.gap" ? [event] : [])),
    lost: stored.length - finals.length,
    errors: report.errors.length,
    startedAt: report.streams[0]?.startedAt ?? 0,
  };
}

function numberOf(setting: number): string {
  return `${NUMBER}${100 + setting}`;
}

export function textOf({ finals }: PlayedCall): string {
  return finals.map(({ text }) => text).join(" ");
}
