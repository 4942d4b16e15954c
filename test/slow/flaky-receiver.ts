/**
 * A webhook receiver that fails in every way that receivers do, and keeps what it took.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { SECRET } from "../e2e/receiver.ts";
import type { Delivery } from "./oracle.ts";

/**
 * What becomes of a delivery: taken; refused with 500; taken, but the connection breaks before the answer, so that
 * it comes again; never answered; sent elsewhere.
 */
export type Mood = "take" | "error" | "lose" | "hang" | "redirect";

const STATUS = { take: 200, error: 500, redirect: 307 } as const;

export class FlakyReceiver {
  /** Everything that was taken, in the order of arrival. */
  readonly deliveries: Delivery[] = [];
  /** Requests by what became of them. */
  readonly moods: Record<Mood, number> = { take: 0, error: 0, lose: 0, hang: 0, redirect: 0 };
  /** Deliveries whose signature was wrong. */
  forged = 0;
  /** Requests that went where a redirect had sent them. */
  followed = 0;
  /** Told of every delivery that was taken. */
  onDelivery: (delivery: Delivery) => void = () => {};
  readonly #mood: () => Mood | Promise<Mood>;
  readonly #verifier = new Webhook(SECRET);
  readonly #server: http.Server;
  #port = 0;

  private constructor(mood: () => Mood | Promise<Mood>) {
    this.#mood = mood;
    this.#server = http.createServer((request, response) => this.#receive(request, response));
  }

  /** @param mood - Asked at each request; it may take its time, and the answer with it. */
  static async start(mood: () => Mood | Promise<Mood>): Promise<FlakyReceiver> {
    const receiver = new FlakyReceiver(mood);
    await receiver.listen();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/transcripts`;
  }

  /** Listens again on the port that it had. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#port, "127.0.0.1", () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Refuses connections until it listens again. */
  async refuse(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** What arrived of a call. */
  of(callSid: string): Delivery[] {
    return this.deliveries.filter(({ event }) => event.callSid === callSid);
  }

  hasEnded(callSid: string): boolean {
    return this.of(callSid).some(({ event }) => event.type === "call.ended");
  }

  #receive(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (request.url?.endsWith("/elsewhere")) this.followed += 1;
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", async () => {
      const mood = await this.#mood();
      this.moods[mood] += 1;
      if (mood === "take" || mood === "lose")
        this.#take(Buffer.concat(chunks).toString(), request.headers as Record<string, string>);
      if (mood === "lose") request.socket.destroy();
      else if (mood !== "hang") response.writeHead(STATUS[mood], { location: `${this.url}/elsewhere` }).end();
    });
  }

  #take(body: string, headers: Record<string, string>): void {
    try {
      this.#verifier.verify(body, headers);
    } catch {
      this.forged += 1;
      return;
    }
    const { type, timestamp, data } = JSON.parse(body);
    const delivery = { id: String(headers["webhook-id"]), event: { type, timestamp, ...data }, body };
    this.deliveries.push(delivery);
    this.onDelivery(delivery);
  }
}
