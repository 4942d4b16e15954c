/**
 * One connection over a socket that a test steers: what does not read, and when the network is done with it.
 */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { type TestContext, test } from "node:test";
import type { WebSocket } from "ws";
import { silentLogger } from "../../src/base/log.ts";
import { LiveConnection } from "../../src/deepgram/live-connection.ts";
import { modelFacts } from "../../src/deepgram/model.ts";
import { readLiveOptions } from "../../src/deepgram/options.ts";
import { Outlet } from "../../src/deepgram/outlet.ts";
import type { ServerMessage } from "../../src/deepgram/server-message.ts";
import { DEFAULT_LIMITS } from "../../src/sockets/deadlines.ts";
import { PROFILES } from "../../src/vad/profile.ts";
import { settle } from "../call/rig.ts";
import { bytesOf, sessionsOf, toneOf } from "../session/rig.ts";
import { LINEAR16 } from "./rig.ts";

/** As much of a socket as a connection uses. */
class SteeredSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly CLOSED = 3;
  readyState = 1;
  /** Bytes that the client does not read. */
  bufferedAmount = 0;
  readonly sent: ServerMessage[] = [];
  closedWith: number | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(code: number): void {
    this.closedWith ??= code;
    this.#gone(code);
  }

  terminate(): void {
    this.#gone(1006);
  }

  ping(): void {}
  pause(): void {}
  resume(): void {}

  #gone(code: number): void {
    if (this.readyState !== this.OPEN) return;
    this.readyState = 2;
    setImmediate(() => {
      this.readyState = this.CLOSED;
      this.emit("close", code);
    });
  }
}

interface Rig extends ReturnType<typeof sessionsOf> {
  socket: SteeredSocket;
  connection: LiveConnection;
  /** Types of what was kept for the URL. */
  kept: string[];
  clock: { now: number };
}

function connect(t: TestContext, { away }: { away: boolean }): Rig {
  const rig = sessionsOf(t);
  const { sessions, counters } = rig;
  const socket = new SteeredSocket();
  const [kept, clock] = [[] as string[], { now: 0 }];
  const asked = readLiveOptions(`/v1/listen?${LINEAR16}`, { language: (tag) => tag });
  const callback = (body: string): void => void kept.push(JSON.parse(body).type);
  const shared = { log: silentLogger, counters };
  const connection = new LiveConnection(socket as unknown as WebSocket, {
    ...shared,
    asked,
    facts: { requestId: "r", model: modelFacts("m") },
    open: (format, listener) =>
      sessions.open(
        {
          surface: "/v1/listen",
          client: "c",
          format: { ...format, separate: false },
          chunking: { mode: "vad", endpointer: PROFILES.phone },
          language: "en",
        },
        listener,
      ),
    outlet: new Outlet({
      ...shared,
      socket: socket as unknown as WebSocket,
      callback: away ? callback : null,
    }),
    prefixPadMs: PROFILES.phone.prefixPadMs,
    deadlineAt: 3_600_000,
    limits: DEFAULT_LIMITS,
    monotonic: () => clock.now,
    every: () => () => {},
    now: () => 1_700_000_000_000,
  });
  return { ...rig, socket, connection, kept, clock };
}

/** Speech that is not over yet. */
const SPEECH = Buffer.from(bytesOf(toneOf(1200, [{ startMs: 500, endMs: 1200 }]), { encoding: "s16" }));

test("of a client that does not read, the URL of its callback gets the last finals before Metadata", async (t) => {
  const { socket, connection, kept, clock, sessions, counters } = connect(t, { away: true });
  socket.emit("message", SPEECH, true);
  await settle();
  socket.bufferedAmount = 1_000_000;
  connection.sweep();
  clock.now += DEFAULT_LIMITS.slowReaderMs;
  connection.sweep();
  while (sessions.active > 0) await settle();
  assert.deepEqual(kept, ["Results", "Metadata"]);
  assert.equal(counters.get("deepgram.live.closed.SOCKET_SLOW_READER"), 1);
  assert.equal(socket.readyState, socket.CLOSED);
});

test("finals that come when a server that stops has closed the socket go to the URL, before Metadata", async (t) => {
  const { socket, connection, kept, sessions, recogniser } = connect(t, { away: true });
  recogniser.holding = true;
  socket.emit("message", SPEECH, true);
  await settle();
  const ended = sessions.endAll("shutdown");
  await settle();
  await connection.shut();
  assert.deepEqual([kept, socket.closedWith], [[], 1012]);
  assert.equal(socket.sent.at(-1)?.type, "Error");
  for (const { resolve } of recogniser.asked) resolve();
  await ended;
  assert.deepEqual(kept, ["Results", "Metadata"]);
});

test("without a callback a server that stops tells Metadata before it closes the socket", async (t) => {
  const { socket, connection, recogniser } = connect(t, { away: false });
  recogniser.holding = true;
  socket.emit("message", SPEECH, true);
  await connection.shut();
  assert.deepEqual([socket.sent.at(-1)?.type, socket.closedWith], ["Metadata", 1012]);
});
