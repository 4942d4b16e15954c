/**
 * A real HTTP receiver on a free port of the loopback interface that answers as a test tells it to.
 */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Received {
  headers: http.IncomingHttpHeaders;
  method: string;
  path: string;
  body: string;
  /** Type and data of the webhook, parsed. */
  data: { callSid?: string; sequence?: number; text?: string };
  id: string;
}

/** Answers a request; the request is over when the answer is. */
export type Answer = (request: Received, response: http.ServerResponse) => void;

export interface Receiver {
  url: string;
  received: Received[];
  /** Requests that are being answered at this moment, and the most that ever were. */
  open: number;
  mostOpen: number;
  answer: Answer;
  /** Resolves when `count` requests have come in all. */
  have(count: number): Promise<void>;
}

export function status(code: number, headers: http.OutgoingHttpHeaders = {}, body = ""): Answer {
  return (_, response) => void response.writeHead(code, headers).end(body);
}

/** Never answers. */
export const hang: Answer = () => {};

/** Answers 200, but only when it is told to. */
export function holding(): { answer: Answer; release(): void } {
  let held: http.ServerResponse[] | null = [];
  return {
    answer(_, response) {
      if (held === null) response.end();
      else held.push(response);
    },
    release() {
      for (const response of held ?? []) response.end();
      held = null;
    },
  };
}

/** Lets whatever is on its way over the loopback interface arrive. */
export async function letArrive(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Cuts the connection with a reset. */
export const reset: Answer = (_, response) => void response.socket?.resetAndDestroy();

export async function startReceiver(context: TestContext, answer: Answer = status(204)): Promise<Receiver> {
  const waiting: { count: number; resolve: () => void }[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    receiver.open += 1;
    receiver.mostOpen = Math.max(receiver.mostOpen, receiver.open);
    response.on("close", () => {
      receiver.open -= 1;
    });
    response.on("error", () => {});
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const { data } = JSON.parse(body) as { data: Received["data"] };
      const one = {
        headers: request.headers,
        method: request.method ?? "",
        path: request.url ?? "",
        body,
        data,
        id: String(request.headers["webhook-id"]),
      };
      receiver.received.push(one);
      receiver.answer(one, response);
      for (const { count, resolve } of waiting) if (receiver.received.length >= count) resolve();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=secret-in-url`,
    received: [],
    open: 0,
    mostOpen: 0,
    answer,
    have: (count) =>
      new Promise((resolve) => {
        if (receiver.received.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
  return receiver;
}
