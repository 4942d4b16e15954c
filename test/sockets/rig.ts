/**
 * The real socket on a real HTTP server, over sessions with small ports, with a clock that tests move.
 */
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { type ClientOptions, WebSocket } from "ws";
import { type Access, createAccess } from "../../src/access/access.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { SessionsOptions } from "../../src/session/sessions.ts";
import { DEFAULT_LIMITS, type SocketLimits } from "../../src/sockets/deadlines.ts";
import type { ServerMessage } from "../../src/sockets/message.ts";
import type { SocketDesk } from "../../src/sockets/socket-desk.ts";
import { attachTranscribeSocket, TRANSCRIBE_PATH } from "../../src/sockets/transcribe-socket.ts";
import { LIMITS } from "../access/rig.ts";
import { type SessionsRig, sessionsOf } from "../session/rig.ts";

export interface RigOptions {
  access?: Pick<Access, "admit">;
  limits?: Partial<SocketLimits>;
  maximumSessionMs?: number;
  sessions?: Partial<SessionsOptions>;
}

export interface SocketsRig extends SessionsRig {
  sockets: SocketDesk;
  url: string;
  /** Monotonic ms; moving it on does what is due. */
  advance(ms: number): void;
  connect(query?: string): Promise<Client>;
  /** What an upgrade is answered that is refused. */
  refusal(
    query: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Record<string, unknown>; body: { code: string; message: string } }>;
}

type MessageOf<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** A real client that keeps what it was told. */
export class Client {
  readonly socket: WebSocket;
  readonly told: ServerMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(url: string, { protocols = [], ...options }: ClientOptions & { protocols?: string[] } = {}) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    this.socket.on("message", (data) => this.told.push(JSON.parse(String(data))));
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      this.socket.once("close", (code, reason) => resolve({ code, reason: String(reason) })),
    );
  }

  of<T extends ServerMessage["type"]>(type: T): MessageOf<T>[] {
    return this.told.filter((message): message is MessageOf<T> => message.type === type);
  }

  /** The first message of a type, waited for. */
  async first<T extends ServerMessage["type"]>(type: T, count = 1): Promise<MessageOf<T>> {
    for (;;) {
      const found = this.of(type)[count - 1];
      if (found) return found;
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`closed before ${type}`);
      await Promise.race([once(this.socket, "message"), once(this.socket, "close")]);
    }
  }

  send(...parts: (Uint8Array | object)[]): void {
    for (const part of parts) this.socket.send(part instanceof Uint8Array ? part : JSON.stringify(part));
  }

  /** Resolves when everything sent so far was read by the server. */
  async answered(): Promise<void> {
    this.socket.ping();
    await once(this.socket, "pong");
  }

  finish(): Promise<{ code: number; reason: string }> {
    this.send({ type: "finish" });
    return this.closed;
  }
}

export async function socketsOf(t: TestContext, options: RigOptions = {}): Promise<SocketsRig> {
  const rig = sessionsOf(t, options.sessions);
  const server = createServer();
  const clock = { now: 0 };
  const tasks = new Set<{ intervalMs: number; task: () => void }>();
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
  const sockets = attachTranscribeSocket(server, {
    access: options.access ?? access,
    sessions: rig.sessions,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    log: silentLogger,
    counters: rig.counters,
    monotonic: () => clock.now,
    every: (intervalMs, task) => {
      const entry = { intervalMs, task };
      tasks.add(entry);
      return () => tasks.delete(entry);
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: Client[] = [];
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
    url: `ws://127.0.0.1:${port}${TRANSCRIBE_PATH}`,
    advance(ms) {
      clock.now += ms;
      for (const { task } of [...tasks]) task();
    },
    async connect(query = "") {
      const client = new Client(`ws://127.0.0.1:${port}${TRANSCRIBE_PATH}${query}`);
      clients.push(client);
      await client.first("session");
      return client;
    },
    async refusal(query, headers = {}) {
      const asked = request({
        port,
        host: "127.0.0.1",
        path: `${TRANSCRIBE_PATH}${query}`,
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
          ...headers,
        },
      });
      asked.end();
      const [response] = await once(asked, "response");
      let text = "";
      for await (const chunk of response) text += chunk;
      return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) };
    },
  };
}
