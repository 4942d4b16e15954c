/**
 * A transcript as it is made, in server-sent events: `transcript.text.delta` for each utterance, then `transcript.text.done`.
 */
import type { Exchange } from "../http/exchange.ts";

/** Proxies close what is silent for a minute. */
const KEEP_ALIVE_MS = 15_000;

export class EventStream {
  readonly #exchange: Exchange;
  readonly #keepAlive: NodeJS.Timeout;
  #text = "";

  /** Sends the headers: from now on an error is an event. */
  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    exchange.stream((body) => this.#fail(body));
    exchange.response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    exchange.response.flushHeaders();
    this.#keepAlive = setInterval(() => exchange.response.write(": still here\n\n"), KEEP_ALIVE_MS);
    exchange.response.once("close", () => clearInterval(this.#keepAlive));
  }

  /** An utterance: the deltas, joined, are the text. */
  delta(text: string): void {
    const delta = this.#text === "" ? text : ` ${text}`;
    this.#text += delta;
    this.#send({ type: "transcript.text.delta", delta });
  }

  done(): void {
    this.#send({ type: "transcript.text.done", text: this.#text });
    this.#end();
  }

  /** The client throws what is in `error`. */
  #fail(body: object): void {
    this.#send(body);
    this.#end();
  }

  #send(event: object): void {
    if (!this.#exchange.response.writableEnded)
      this.#exchange.response.write(`data: ${JSON.stringify(event)}\n\n`);
  }

  #end(): void {
    clearInterval(this.#keepAlive);
    this.#exchange.response.end("data: [DONE]\n\n");
  }
}
