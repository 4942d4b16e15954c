/**
 * One call through everything that is shipped: server, models, store, signed webhooks, and a receiver that checks them.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { type Config, loadConfig } from "../../app/config.ts";
import { type RunningServer, startServer } from "../../app/server.ts";
import type { Logger } from "../../base/log.ts";
import { createSecret } from "../../delivery/signing.ts";
import type { CallEvent } from "../../transcript/event.ts";
import type { TranscriptPartial } from "../../transcript/partial.ts";
import { replayCall } from "../replay/replay.ts";
import type { ReplayReport } from "../replay/report.ts";
import { type ReceivedEvent, Receiver } from "./receiver.ts";
import type { Fixture } from "./reference.ts";

export interface DemoRun {
  /** How long starting took, models included, ms. */
  startMs: number;
  report: ReplayReport;
  /** What the store has of the call. */
  committed: CallEvent[];
  received: ReceivedEvent[];
  /** Requests to the receiver that it did not take. */
  refused: number;
  /** Wall clock at media time 0, epoch ms. */
  startedAt: number;
}

export interface DemoRunOptions {
  fixture: Fixture;
  logger: Logger;
  /** Ends the call early; everything is cleaned up. */
  signal: AbortSignal;
  onReady: (server: RunningServer) => void;
  /** Told what is being said. */
  onPartial: (partial: TranscriptPartial) => void;
  onReceived: (received: ReceivedEvent) => void;
}

/** How long the last words and the end may take after the caller hung up. */
const END_TIMEOUT_MS = 15_000;
/** A number that no one has: the other leg of a call that goes on. */
const OTHER_PARTY = "+15550100199";

/** Runs the call in real time. Leaves nothing behind: the store lies in a temporary folder. */
export async function runDemo(options: DemoRunOptions): Promise<DemoRun> {
  const began = performance.now();
  const folder = await mkdtemp(path.join(os.tmpdir(), "linescribe-demo-"));
  const secret = createSecret();
  const receiver = new Receiver(secret, options.onReceived);
  let server: RunningServer | null = null;
  try {
    const callback = { url: await receiver.start(), secrets: [secret] };
    const config = await demoConfig(options.fixture, path.join(folder, "demo.db"), callback);
    server = await startServer({ config, logger: options.logger, onPartial: options.onPartial });
    const startMs = Math.round(performance.now() - began);
    options.onReady(server);
    const report = await play(options, config, server);
    if (!options.signal.aborted) await receiver.have(({ type }) => type === "call.ended", END_TIMEOUT_MS);
    const committed = server.store.call(report.callSid) ? server.store.events(report.callSid) : [];
    // Stopping sends what is still owed, so that an event behind the last one would be seen.
    await server.stop();
    const startedAt = report.streams[0]?.startedAt ?? 0;
    return {
      startMs,
      report,
      committed,
      received: [...receiver.received],
      refused: receiver.refused,
      startedAt,
    };
  } finally {
    await server?.stop();
    await receiver.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function play(
  { fixture, signal }: DemoRunOptions,
  { publicUrl, twilio }: Config,
  { url }: RunningServer,
): Promise<ReplayReport> {
  return replayCall({
    voiceUrl: new URL("/twilio/voice", url).href,
    publicUrl: publicUrl as string,
    authToken: twilio.authTokens[0] as string,
    call: fixture.call,
    speed: 1,
    signal,
  });
}

/** As an operator would write it, without a file and with nothing from the environment: signatures are checked. */
async function demoConfig(
  { call }: Fixture,
  store: string,
  callback: { url: string; secrets: string[] },
): Promise<Config> {
  const port = await freePort();
  const { mode, tracks, language } = call;
  return loadConfig({
    file: null,
    environment: {},
    overrides: {
      host: "127.0.0.1",
      port,
      publicUrl: `http://127.0.0.1:${port}`,
      twilio: { authTokens: [randomBytes(16).toString("hex")] },
      store: { path: store },
      callback,
      numbers: [
        { number: "*", mode, tracks, language, then: mode === "start" ? { dial: OTHER_PARTY } : null },
      ],
    },
  });
}

/** Free a moment ago: the public URL must be known before the server listens. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
