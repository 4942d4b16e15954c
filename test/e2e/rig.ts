/**
 * A whole Linescribe in this process: real store, models, server and receiver, and a carrier that replays calls.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { loadConfig } from "../../src/app/config.ts";
import { createLogger } from "../../src/app/logger.ts";
import { type RunningServer, type ServerOptions, startServer } from "../../src/app/server.ts";
import type { RecordedCall } from "../../src/cli/replay/recorded-call.ts";
import { type ReplayOptions, replayCall } from "../../src/cli/replay/replay.ts";
import { loadRecordedCall } from "../../src/cli/replay/sound-call.ts";
import { type Receiver, SECRET, startReceiver } from "./receiver.ts";

export const AUTH_TOKEN = "a token that the carrier and we share";

export interface Rig {
  server: RunningServer;
  receiver: Receiver;
  /** Lines that the server logged. */
  log: string[];
  /** Plays a fixture by its name, or any other call. */
  replay(fixture: string | RecordedCall, options?: Partial<ReplayOptions>): ReturnType<typeof replayCall>;
  close(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function fixtureFile(name: string): string {
  return path.resolve(import.meta.dirname, "../../fixtures/calls", `${name}.jsonl`);
}

/** @param settings - Laid over a configuration with one `*` number of each mode that the fixtures call. */
export async function startRig(
  settings: Record<string, unknown> = {},
  options: Partial<ServerOptions> = {},
  answer?: () => number,
): Promise<Rig> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-"));
  const receiver = await startReceiver(answer);
  const port = await freePort();
  const log: string[] = [];
  const then = { dial: "+15550109999" };
  const config = loadConfig({
    environment: {},
    overrides: {
      host: "127.0.0.1",
      port,
      publicUrl: "https://calls.example.com",
      twilio: { authTokens: ["an older token", AUTH_TOKEN] },
      callback: { url: receiver.url, secrets: [SECRET] },
      store: { path: path.join(folder, "store", "linescribe.db") },
      logLevel: "debug",
      numbers: [
        { number: "*", mode: "connect" },
        {
          number: "+15550100200",
          mode: "start",
          tracks: ["inbound", "outbound"],
          labels: { inbound: "caller", outbound: "agent" },
          then,
        },
        { number: "+15550100300", mode: "connect", language: "es" },
      ],
      ...settings,
    },
  });
  const logger = createLogger(config.logLevel, { write: (line: string) => void log.push(line) });
  const server = await startServer({ config, logger, ...options });
  return {
    server,
    receiver,
    log,
    replay: async (fixture, more = {}) =>
      replayCall({
        voiceUrl: `${server.url}/twilio/voice`,
        publicUrl: "https://calls.example.com",
        authToken: AUTH_TOKEN,
        call: typeof fixture === "string" ? await loadRecordedCall(fixtureFile(fixture)) : fixture,
        speed: "max",
        ...more,
      }),
    close: async () => {
      await server.stop();
      await receiver.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
