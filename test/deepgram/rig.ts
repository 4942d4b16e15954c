/**
 * The live socket on a real HTTP server, over sessions with small ports, with a clock that tests move.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { type ClientOptions, WebSocket } from "ws";
import { type Access, createAccess } from "../../src/access/access.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { CallbackQueue } from "../../src/deepgram/callback-queue.ts";
import { attachLiveSocket, LISTEN_PATH } from "../../src/deepgram/live-socket.ts";
import type { Metadata, Results, ServerMessage } from "../../src/deepgram/server-message.ts";
import type { SessionsOptions } from "../../src/session/sessions.ts";
import type { SocketLimits } from "../../src/sockets/deadlines.ts";
import type { SocketDesk } from "../../src/sockets/socket-desk.ts";
import { LIMITS } from "../access/rig.ts";
import { type SessionsRig, sessionsOf } from "../session/rig.ts";

export const LINEAR16 = "encoding=linear16&sample_rate=16000";

export interface LiveRigOptions {
  access?: Pick<Access, "admit">;
  limits?: Partial<SocketLimits>;
  maximumSessionMs?: number;
  sessions?: Partial<SessionsOptions>;
  callbacks?: CallbackQueue;
}

export interface LiveRig extends SessionsRig {
  sockets: SocketDesk;
  /** `http://127.0.0.1:PORT`. */
  url: string;
  /** Monotonic ms; moving it on does what is due. */
  advance(ms: number): void;
  connect(query?: string, options?: ClientOptions & { protocols?: string[] }): Promise<LiveClient>;
  /** What an upgrade is answered that is refused. */
  refusal(
    query: string,
    options?: ClientOptions & { protocols?: string[] },
  ): Promise<{ status: number; headers: IncomingMessage["headers"]; body: Record<string, string> }>;
}

type MessageOf<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** A real client that keeps what it was told. */
export class LiveClient {
  readonly socket: WebSocket;
  readonly told: ServerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Headers of the upgrade. */
  headers: IncomingMessage["headers"] = {};

  constructor(url: string, { protocols = [], ...options }: ClientOptions & { protocols?: string[] } = {}) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.socket.on("upgrade", ({ headers }) => {
      this.headers = headers;
    });
    this.socket.on("message", (data) => this.told.push(JSON.parse(String(data))));
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      this.socket.once("close", (code, reason) => resolve({ code, reason: String(reason) })),
    );
  }

  of<T extends ServerMessage["type"]>(type: T): MessageOf<T>[] {
    return this.told.filter((message): message is MessageOf<T> => message.type === type);
  }

  get results(): Results[] {
    return this.of("Results");
  }

  get finals(): Results[] {
    return this.results.filter(({ is_final }) => is_final);
  }

  get metadata(): Metadata | undefined {
    return this.of("Metadata")[0];
  }

  send(...parts: (Uint8Array | object | string)[]): void {
    for (const part of parts) {
      this.socket.send(part instanceof Uint8Array || typeof part === "string" ? part : JSON.stringify(part));
    }
  }

  /** Resolves when everything sent so far was read by the server. */
  async answered(): Promise<void> {
    this.socket.ping();
    await once(this.socket, "pong");
  }

  /** Resolves when there is such a message. */
  async until(found: (client: LiveClient) => boolean): Promise<void> {
    while (!found(this)) {
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`closed: ${JSON.stringify(this.told)}`);
      await Promise.race([once(this.socket, "message"), once(this.socket, "close")]);
    }
  }

  finish(): Promise<{ code: number; reason: string }> {
    this.send({ type: "CloseStream" });
    return this.closed;
  }
}

export async function liveOf(t: TestContext, options: LiveRigOptions = {}): Promise<LiveRig> {
  const rig = sessionsOf(t, options.sessions);
  const server = createServer();
  const clock = { now: 0 };
  const tasks = new Set<{ task: () => void }>();
  const access = createAccess({
    keys: rig.store.keys,
    trustedProxies: 0,
    origins: [],
    publicUrl: null,
    maximumSessionMs: options.maximumSessionMs ?? 3_600_000,
    limits: LIMITS,
    log: silentLogger,
    counters: rig.counters,
  });
  const sockets = attachLiveSocket(server, {
    access: options.access ?? access,
    sessions: rig.sessions,
    model: "whisper-base",
    callbacks: options.callbacks ?? null,
    limits: options.limits ?? {},
    log: silentLogger,
    counters: rig.counters,
    monotonic: () => clock.now,
    now: () => 1_700_000_000_000,
    every: (_intervalMs, task) => {
      const entry = { task };
      tasks.add(entry);
      return () => tasks.delete(entry);
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}${LISTEN_PATH}`;
  const clients: LiveClient[] = [];
  t.after(async () => {
    for (const { socket } of clients) socket.terminate();
    await sockets.close();
    await rig.sessions.endAll("shutdown");
    access.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    ...rig,
    sockets,
    url: `http://127.0.0.1:${port}`,
    advance(ms) {
      clock.now += ms;
      for (const { task } of [...tasks]) task();
    },
    async connect(query = LINEAR16, clientOptions = {}) {
      const client = new LiveClient(`${url}?${query}`, clientOptions);
      clients.push(client);
      await once(client.socket, "open");
      return client;
    },
    async refusal(query, clientOptions = {}) {
      const client = new LiveClient(`${url}?${query}`, clientOptions);
      const [, response] = await once(client.socket, "unexpected-response");
      return {
        status: response.statusCode,
        headers: response.headers,
        body: JSON.parse(await text(response)),
      };
    },
  };
}
