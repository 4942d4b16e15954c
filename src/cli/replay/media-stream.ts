/**
 * One media socket, from the carrier's end.
 */
import { WebSocket } from "ws";
import { messageOf } from "../../base/error.ts";
import { CarrierError } from "./carrier-error.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** How long the carrier waits for the answer to its close frame. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Bytes that may wait in the socket before sending pauses. A packet is about 350. */
const BUFFER_MAXIMUM_BYTES = 64 * 1024;

export interface MediaStreamOptions {
  /** Where to connect. */
  url: string;
  /** X-Twilio-Signature over the public URL. */
  signature: string;
  /** The server sent a data message. */
  onMessage: (text: string, isBinary: boolean) => void;
}

/** Who ended a socket: we did, the server closed it, or the connection broke. */
export interface StreamEnd {
  by: "carrier" | "server" | "network";
  code: number;
}

export class MediaStream {
  readonly ended: Promise<StreamEnd>;
  readonly #socket: WebSocket;
  #end: StreamEnd | undefined;
  #closing = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => {
      socket.once("close", (code) => {
        this.#end = { by: this.#closing ? "carrier" : code === 1006 ? "network" : "server", code };
        resolve(this.#end);
      });
    });
  }

  /** @throws {CarrierError} 31901, 31902, 31910 or 31920 when the socket does not open. */
  static async open(options: MediaStreamOptions): Promise<MediaStream> {
    const socket = new WebSocket(options.url, {
      headers: { "x-twilio-signature": options.signature, "user-agent": "TwilioMediaStreams" },
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      perMessageDeflate: false,
      followRedirects: false,
    });
    const stream = new MediaStream(socket);
    // Listens before the handshake ends, so that a message right behind it is not missed.
    socket.on("message", (data, isBinary) => options.onMessage(data.toString(), isBinary));
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.on("error", (error) => reject(connectError(error)));
      socket.once("unexpected-response", (request, response) => {
        reject(new CarrierError(31920, `WebSocket handshake answered ${response.statusCode}, expected 101`));
        request.destroy();
      });
    });
    return stream;
  }

  /** How the socket ended, while it is open undefined. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  /** Whether messages still go out: neither side has closed. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Sends a message; while the socket holds more than 64 KiB, the promise waits for them to drain. */
  async send(text: string): Promise<void> {
    if (!this.isOpen) return;
    if (this.#socket.bufferedAmount < BUFFER_MAXIMUM_BYTES) {
      this.#socket.send(text);
      return;
    }
    await Promise.race([
      new Promise<void>((resolve) => this.#socket.send(text, () => resolve())),
      this.ended,
    ]);
  }

  /** Closes in order and waits for the server's answer, at most 5 s. */
  async close(): Promise<StreamEnd> {
    this.#closing ||= this.isOpen;
    this.#socket.close(1000);
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** Breaks the connection as a dying network does: no close frame. */
  async drop(): Promise<StreamEnd> {
    this.#socket.terminate();
    return this.ended;
  }
}

function connectError(error: Error): CarrierError {
  const { code } = error as NodeJS.ErrnoException;
  const text = messageOf(error) || String(code);
  if (code === "ECONNREFUSED") return new CarrierError(31902, `WebSocket connection refused: ${text}`);
  if (/timed out/i.test(text) || code === "ETIMEDOUT") return new CarrierError(31901, `WebSocket: ${text}`);
  if (/certificate|ssl|tls/i.test(`${text} ${code}`))
    return new CarrierError(31910, `WebSocket TLS: ${text}`);
  return new CarrierError(31920, `WebSocket handshake: ${text}`);
}
