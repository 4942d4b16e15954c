/**
 * A call centre's webhook receiver: verifies signatures with an independent library and keeps what arrived.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import type { CallEvent } from "../../src/transcript/event.ts";
import { webhookBodySchema } from "../transcript/body-schema.ts";

export const SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

export interface Arrival {
  id: string;
  event: CallEvent;
  body: string;
  at: number;
}

export interface Receiver {
  url: string;
  arrivals: Arrival[];
  /** Deliveries whose signature was wrong, or whose body is not of the schema. */
  forged: number;
  /** Resolves when `call.ended` of the call has arrived. */
  ended(callSid: string, timeoutMs?: number): Promise<Arrival[]>;
  close(): Promise<void>;
}

/** @param answer - Status of each delivery, by default 200; a number that is not 2xx makes the sender retry. */
export async function startReceiver(answer: () => number = () => 200): Promise<Receiver> {
  const verifier = new Webhook(SECRET);
  const arrivals: Arrival[] = [];
  const waiters = new Set<() => void>();
  const receiver = { forged: 0 };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      const status = answer();
      try {
        verifier.verify(body, request.headers as Record<string, string>);
        if (status < 300) {
          const { type, timestamp, data } = webhookBodySchema.parse(JSON.parse(body));
          const id = String(request.headers["webhook-id"]);
          arrivals.push({ id, event: { type, timestamp, ...data } as CallEvent, body, at: Date.now() });
        }
      } catch {
        receiver.forged += 1;
      }
      response.writeHead(status).end();
      for (const waiter of waiters) waiter();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const of = (callSid: string) => arrivals.filter(({ event }) => event.callSid === callSid);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/transcripts`,
    arrivals,
    get forged() {
      return receiver.forged;
    },
    ended: (callSid, timeoutMs = 30_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`call.ended of ${callSid} did not arrive`)),
          timeoutMs,
        );
        const look = () => {
          if (!of(callSid).some(({ event }) => event.type === "call.ended")) return;
          clearTimeout(timer);
          waiters.delete(look);
          resolve(of(callSid));
        };
        waiters.add(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
