/**
 * A scripted server for the replayer: answers webhooks with given TwiML and keeps every request and socket message.
 */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { validateRequest } from "twilio/lib/webhooks/webhooks.js";
import { type WebSocket, WebSocketServer } from "ws";

export const AUTH_TOKEN = "12345";
export const PUBLIC_URL = "https://linescribe.example";

type Form = Record<string, string>;

export interface Posted {
  path: string;
  form: Form;
  isSigned: boolean;
}

export interface Socketed {
  url: string;
  isSigned: boolean;
  messages: Record<string, unknown>[];
  closeCode: number | undefined;
}

export interface PeerScript {
  /** TwiML for the n-th voice request, from 0. */
  twiml: (count: number) => string;
  /** Called for each media message with the number of messages so far on its socket. */
  onMessage?: (socket: WebSocket, count: number, socketIndex: number) => void;
  onOpen?: (socket: WebSocket) => void;
  /** Answers an upgrade with this status instead of taking it. */
  refuseWith?: number;
  healthz?: () => object;
  voiceType?: string;
}

export class CarrierPeer {
  readonly posted: Posted[] = [];
  readonly sockets: Socketed[] = [];
  readonly #server = createServer();
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #script: PeerScript;

  constructor(script: PeerScript) {
    this.#script = script;
    this.#server.on("request", this.#routes());
    this.#server.on("upgrade", (request: IncomingMessage, socket, head) => {
      if (script.refuseWith !== undefined) {
        socket.end(`HTTP/1.1 ${script.refuseWith} Refused\r\nConnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#accept(ws, request));
    });
  }

  /** @returns the voice URL as it can be reached. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/twilio/voice`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** The stream status callbacks, in the order they came. */
  get streamEvents(): string[] {
    return this.posted
      .filter(({ path }) => path === "/twilio/stream")
      .map(({ form }) => form.StreamEvent ?? "");
  }

  #routes(): express.Express {
    const app = express();
    let voices = 0;
    app.get("/healthz", (_, response) => void response.json(this.#script.healthz?.() ?? { backlogMs: 0 }));
    app.use(express.urlencoded({ extended: false }));
    app.post(/.*/, (request, response) => {
      const form = request.body as Form;
      const signature = request.header("x-twilio-signature") ?? "";
      const url = `${PUBLIC_URL}${request.originalUrl}`;
      this.posted.push({
        path: request.path,
        form,
        isSigned: validateRequest(AUTH_TOKEN, signature, url, form),
      });
      const isVoice = request.path === "/twilio/voice";
      response.type(this.#script.voiceType ?? "text/xml").send(isVoice ? this.#script.twiml(voices++) : "");
    });
    return app;
  }

  #accept(ws: WebSocket, request: IncomingMessage): void {
    const signature = String(request.headers["x-twilio-signature"]);
    const index = this.sockets.length;
    const socketed: Socketed = {
      url: request.url ?? "",
      isSigned: validateRequest(AUTH_TOKEN, signature, `wss://linescribe.example${request.url}`, {}),
      messages: [],
      closeCode: undefined,
    };
    this.sockets.push(socketed);
    ws.on("message", (data) => {
      socketed.messages.push(JSON.parse(data.toString()));
      this.#script.onMessage?.(ws, socketed.messages.length, index);
    });
    ws.on("close", (code) => {
      socketed.closeCode = code;
    });
    this.#script.onOpen?.(ws);
  }
}

export interface TwimlParts {
  mode: "start" | "connect";
  track?: string;
  query?: string;
  next?: string;
  before?: string;
}

export function twimlOf({
  mode,
  track = "inbound_track",
  query = "",
  next = "",
  before = "",
}: TwimlParts): string {
  const parent = mode === "start" ? "Start" : "Connect";
  return `<?xml version="1.0" encoding="UTF-8"?><Response>${before}<${parent}><Stream
    url="wss://linescribe.example/twilio/media${query}" name="main" track="${track}"
    statusCallback="${PUBLIC_URL}/twilio/stream"><Parameter name="token" value="a&lt;b&amp;&quot;c&quot;"/></Stream></${parent}>${next}</Response>`;
}
