/**
 * A whole Linescribe behind the real nginx, and clients that know nothing but its public name and certificate.
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { type RequestOptions, request } from "node:https";
import os from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { createKeyText } from "../../src/access/key.ts";
import { type Rig as Bridge, freePort, startRig } from "../e2e/rig.ts";
import { Client } from "../sockets/rig.ts";
import { makeCertificate, NAME, Nginx, type NginxOptions } from "./nginx.ts";

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

/** Asks with a body that is all there. */
export type Ask = RequestOptions & { body?: string | Uint8Array };

export interface Rig {
  bridge: Bridge;
  /** Everything that nginx logged, the others included. */
  log(): string;
  /** `https://localhost:PORT`. */
  publicUrl: string;
  httpPort: number;
  certificateFile: string;
  /** Another nginx before the same server, or before nothing; its `https://localhost:PORT`. */
  another(options: { readTimeoutSeconds?: number; upstreamPort?: number }): Promise<string>;
  /** Makes a key in the running server's store; returns its text. */
  addKey(): string;
  /** A client of raw PCM. */
  connect(query: string, options?: ConnectOptions): Client;
  /** What an upgrade is answered that is refused. */
  refusal(path: string, options?: Pick<ConnectOptions, "headers" | "localAddress">): Promise<Answer>;
  ask(path: string, options?: Ask): Promise<Answer>;
  /** Over HTTP without TLS. */
  askPlainly(path: string): Promise<Answer>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Default: `publicUrl`. */
  origin?: string;
  headers?: Record<string, string>;
  /** Subprotocols to offer. */
  protocols?: string[];
  /** The client's own address, `127.0.0.1` or `127.0.0.2`. */
  localAddress?: string;
}

export async function startSurfaces(settings: Record<string, unknown>): Promise<Rig> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "linescribe-nginx-"));
  const certificate = makeCertificate(folder);
  const ca = readFileSync(certificate.certificateFile);
  const [httpsPort, httpPort] = [await freePort(), await freePort()];
  const publicUrl = `https://${NAME}:${httpsPort}`;
  const bridge = await startRig({ publicUrl, ...settings });
  const started: Nginx[] = [];
  const launch = async (
    ports: { httpsPort: number; httpPort: number },
    more: Partial<NginxOptions> = {},
  ): Promise<void> => {
    const own = path.join(folder, String(started.length));
    const upstreamPort = Number(new URL(bridge.server.url).port);
    started.push(await Nginx.start({ folder: own, certificate, upstreamPort, ...ports, ...more }));
  };
  const close = async (): Promise<void> => {
    await Promise.all(started.map((nginx) => nginx.stop()));
    await bridge.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await launch({ httpsPort, httpPort });
  } catch (error) {
    await close();
    throw error;
  }
  const inside = { hostname: "127.0.0.1", servername: NAME, ca, agent: false as const };
  return {
    bridge,
    log: () => started.map((nginx) => nginx.log()).join(""),
    publicUrl,
    httpPort,
    certificateFile: certificate.certificateFile,
    another: async (options) => {
      const ports = { httpsPort: await freePort(), httpPort: await freePort() };
      await launch(ports, options);
      return `https://${NAME}:${ports.httpsPort}`;
    },
    addKey: () => addKey(bridge),
    connect: (query, { origin = publicUrl, ...options } = {}) =>
      new Client(`${origin.replace("http", "ws")}/ws/transcribe${query}`, { ca, ...options }),
    refusal: async (where, options = {}) => {
      const socket = new WebSocket(`${publicUrl.replace("http", "ws")}${where}`, { ca, ...options });
      socket.on("error", () => {});
      const [, response] = await once(socket, "unexpected-response");
      return answerOf(response);
    },
    ask: async (where, { body, headers, ...options } = {}) => {
      const host = { host: `${NAME}:${httpsPort}`, ...headers };
      const asked = request({ ...inside, port: httpsPort, path: where, headers: host, ...options });
      asked.end(body);
      const [response] = await once(asked, "response");
      return answerOf(response);
    },
    askPlainly: async (where) => {
      const asked = plainRequest({ port: httpPort, host: "127.0.0.1", path: where, headers: { host: NAME } });
      asked.end();
      const [response] = await once(asked, "response");
      return answerOf(response);
    },
    close,
  };
}

/** Makes a key in the running server's store; returns its text. */
export function addKey({ server }: Bridge): string {
  const { id, hash, text: key } = createKeyText();
  const scopes = ["transcribe" as const];
  server.store.keys.add({
    id,
    name: "test",
    scopes,
    secretHash: hash,
    createdAt: Date.now(),
    expiresAt: null,
  });
  return key;
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}
