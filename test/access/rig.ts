/**
 * A real server whose every request and socket is admitted by access, or told why not.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { type WebSocket, WebSocketServer } from "ws";
import { type Access, type AccessOptions, type Admission, createAccess } from "../../src/access/access.ts";
import { acceptedSubprotocol } from "../../src/access/credential.ts";
import { createKeyText, type Scope } from "../../src/access/key.ts";
import type { Refusal } from "../../src/access/refusal.ts";
import { Counters } from "../../src/base/counters.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryStore } from "../store/sample.ts";

export const LIMITS: AccessOptions["limits"] = {
  connections: 1000,
  connectionsPerKey: 100,
  connectionsPerAddress: 100,
  socketsPerMinutePerKey: 1000,
  socketsPerMinutePerAddress: 1000,
  requestsPerMinutePerKey: 1000,
  requestsPerMinutePerAddress: 1000,
};

export interface RigOptions extends Partial<Omit<AccessOptions, "limits" | "keys" | "logins">> {
  limits?: Partial<AccessOptions["limits"]>;
  scope?: Scope;
  /** Makes the keys of the store; default: the store's. */
  keys?: (store: Store) => AccessOptions["keys"];
  /** Where the store keeps logins; default: none can log in. */
  logins?: (store: Store) => Store["logins"];
}

export interface Rig {
  url: string;
  port: number;
  store: Store;
  access: Access;
  counters: Counters;
  /** Epoch ms and monotonic ms alike. */
  clock: { now: number };
  admissions: Admission[];
  sockets: WebSocket[];
  /** Makes a key; returns its text. */
  addKey(changes?: { scopes?: Scope[]; expiresAt?: number | null }): { id: string; text: string };
}

export async function startRig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  const clock = { now: 1_700_000_000_000 };
  const store = temporaryStore(t);
  const counters = new Counters();
  const { limits, scope = "transcribe", keys, logins, ...rest } = options;
  const access = createAccess({
    trustedProxies: 0,
    origins: [],
    publicUrl: null,
    maximumSessionMs: 3_600_000,
    log: silentLogger,
    counters,
    now: () => clock.now,
    monotonic: () => clock.now,
    ...rest,
    keys: keys?.(store) ?? store.keys,
    ...(logins ? { logins: logins(store) } : {}),
    limits: { ...LIMITS, ...limits },
  });
  const admissions: Admission[] = [];
  const sockets: WebSocket[] = [];
  const server = http.createServer(async (request, response) => {
    const admission = await access.admit(request, { scope });
    admissions.push(admission);
    const { status } = admission.ok ? { status: 200 } : admission;
    const retryAfter = admission.ok ? undefined : admission.retryAfterSeconds;
    if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...admission, signal: undefined }));
    if (admission.ok) admission.release();
  });
  const upgrades = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => acceptedSubprotocol(offered),
  });
  server.on("upgrade", async (request, socket, head) => {
    const admission = await access.admit(request, { scope });
    admissions.push(admission);
    if (!admission.ok) {
      socket.end(`HTTP/1.1 ${admission.status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.push(webSocket);
      webSocket.once("close", () => admission.release());
      admission.signal.addEventListener("abort", () => webSocket.close(4001));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    access.close();
    for (const socket of sockets) socket.terminate();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const addKey: Rig["addKey"] = ({ scopes = ["transcribe"], expiresAt = null } = {}) => {
    const { id, hash, text } = createKeyText();
    store.keys.add({ id, name: "test", scopes, secretHash: hash, createdAt: clock.now, expiresAt });
    return { id, text };
  };
  const url = `http://127.0.0.1:${port}/`;
  return { url, port, store, access, counters, clock, admissions, sockets, addKey };
}

/** An HTTP request with these headers, whatever they are; fetch would forbid some. */
export function request(
  rig: Pick<Rig, "port">,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Admission; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = http.request({ host: "127.0.0.1", port: rig.port, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => {
        const retryAfter = response.headers["retry-after"];
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Admission, retryAfter });
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** What was answered, as its code, or `ok`. */
export async function codeOf(rig: Rig, headers: Record<string, string> = {}): Promise<string> {
  const { body } = await request(rig, headers);
  return body.ok ? "ok" : (body as Refusal).code;
}

export const bearer = (key: string): { authorization: string } => ({ authorization: `Bearer ${key}` });
