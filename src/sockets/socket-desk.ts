/**
 * What every client's socket goes through, whatever its protocol: who may connect, with what and whether there is room is
 * decided before the upgrade, with an HTTP answer; what is open is swept, and closed at the end.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { Access, Admitted } from "../access/access.ts";
import { acceptedSubprotocol } from "../access/credential.ts";
import type { ErrorCode } from "../base/codes.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { refuseUpgrade, type UpgradeSource } from "../base/upgrade.ts";
import { endWith } from "./admission-end.ts";
import { RETRY_AFTER_SECONDS } from "./refusal.ts";
import type { TellingSocket } from "./telling-socket.ts";

const SWEEP_MS = 1000;
/** Who connects without a key is this machine. */
const LOCAL_CLIENT = "local";

/** An open socket, as the desk sees it. */
export interface LiveSocket {
  /** Does what is due by the clock. */
  sweep(): void;
  /** The client may not go on: its session ends with its finals, then the socket closes. */
  end(error: LinescribeError): void;
  /** Closes the socket when its session's end was told, or now; resolves when it is gone. */
  shut(): Promise<void>;
}

/** Why an upgrade is not done. */
export interface UpgradeRefusal {
  status: number;
  code: ErrorCode;
  message: string;
  retryAfterSeconds?: number | undefined;
}

/** What an upgrade is answered that is refused; headers come beside those of the body. */
export interface RefusalAnswer {
  body: object;
  headers?: Readonly<Record<string, string>>;
}

/** The protocol of one path. */
export interface SocketProtocol<Asked> {
  /** Prefix of the counters `<name>.refused.<code>`. */
  name: string;
  /** The socket's class says in the protocol why the library closes it. */
  Socket: typeof TellingSocket;
  messageMaximumBytes: number;
  /** Headers of an upgrade that is done. */
  headersOf?(request: IncomingMessage): string[];
  /** What is asked for; throws when it cannot be had. */
  ask(request: IncomingMessage, admission: Admitted): Asked;
  /** How an error of ours is answered in HTTP. */
  refusalOf(error: unknown): UpgradeRefusal;
  describe(refusal: UpgradeRefusal, request: IncomingMessage): RefusalAnswer;
  /** Throws when there is no room any more. */
  connect(socket: WebSocket, asked: Asked, admission: Admitted): LiveSocket;
  /** It threw: says why and closes. */
  turnAway(socket: WebSocket, error: unknown): void;
  /** Once a second. */
  sweep?(): void;
}

export interface SocketDeskOptions {
  access: Pick<Access, "admit">;
  log: Logger;
  counters: Counters;
  /** Runs a task at an interval until the returned function is called. */
  every?: (intervalMs: number, task: () => void) => () => void;
}

export interface SocketDesk {
  /** Live sockets. */
  readonly open: number;
  /** Refuses new sockets, closes every live one and resolves when all are gone. Their sessions have ended before. */
  close(): Promise<void>;
}

/** Serves the upgrades of a source. */
export function attachSocketDesk<Asked>(
  source: UpgradeSource,
  protocol: SocketProtocol<Asked>,
  options: SocketDeskOptions,
): SocketDesk {
  const desk = new Desk(protocol, options);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    void desk.upgrade(request, socket, head);
  };
  source.on("upgrade", onUpgrade);
  return {
    get open() {
      return desk.open;
    },
    async close() {
      await desk.close();
      source.off("upgrade", onUpgrade);
    },
  };
}

/** The library's defaults hold 100 MB messages and 68 MB for 2 MB of one-byte fragments. */
function createServer(Socket: typeof TellingSocket, maxPayload: number) {
  const options: ServerOptions<typeof TellingSocket> & { closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    maxFragments: 64,
    maxBufferedChunks: 1024,
    closeTimeout: 5000,
    handleProtocols: acceptedSubprotocol,
    WebSocket: Socket,
  };
  return new WebSocketServer(options);
}

class Desk<Asked> {
  readonly #protocol: SocketProtocol<Asked>;
  readonly #options: SocketDeskOptions;
  readonly #sockets: ReturnType<typeof createServer>;
  readonly #live = new Set<LiveSocket>();
  readonly #stopSweeping: () => void;
  #closing = false;

  constructor(protocol: SocketProtocol<Asked>, options: SocketDeskOptions) {
    this.#protocol = protocol;
    this.#options = options;
    this.#sockets = createServer(protocol.Socket, protocol.messageMaximumBytes);
    this.#sockets.on("headers", (headers, request) => {
      headers.push(...(protocol.headersOf?.(request) ?? []));
    });
    this.#sockets.on("wsClientError", (error, socket, request) => {
      options.log.debug({ error: error.message }, "upgrade refused");
      const message = "Not a WebSocket upgrade";
      this.#answer(socket, { status: 400, code: "REQUEST_MALFORMED", message }, request);
    });
    this.#stopSweeping = (options.every ?? everyInterval)(SWEEP_MS, () => {
      for (const live of this.#live) live.sweep();
      protocol.sweep?.();
    });
  }

  get open(): number {
    return this.#live.size;
  }

  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { access, log } = this.#options;
    // First of all: a reset before the upgrade is done would otherwise be an uncaught exception.
    socket.on("error", (error) => log.debug({ error: messageOf(error) }, "socket reset"));
    const admission = await access.admit(request, { scope: "transcribe" });
    if (!admission.ok) this.#refuse(socket, admission, request);
    else if (socket.destroyed) admission.release();
    else {
      socket.once("close", () => admission.release());
      this.#admitted(request, socket, head, admission);
    }
  }

  #admitted(request: IncomingMessage, socket: Duplex, head: Buffer, admission: Admitted): void {
    try {
      if (this.#closing) throw new LinescribeError("SERVER_DRAINING", "The server is shutting down");
      const asked = this.#protocol.ask(request, admission);
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#upgraded(webSocket, asked, admission),
      );
    } catch (error) {
      const refusal = this.#protocol.refusalOf(error);
      if (refusal.status === 500) this.#options.log.error({ reason: messageOf(error) }, "an upgrade failed");
      this.#refuse(socket, refusal, request);
    }
  }

  #refuse(socket: Duplex, refusal: UpgradeRefusal, request: IncomingMessage): void {
    this.#options.counters.add(`${this.#protocol.name}.refused.${refusal.code}`);
    this.#answer(socket, refusal, request);
  }

  #answer(socket: Duplex, refusal: UpgradeRefusal, request: IncomingMessage): void {
    const { status } = refusal;
    const { retryAfterSeconds = status === 503 ? RETRY_AFTER_SECONDS : undefined } = refusal;
    const { body, headers } = this.#protocol.describe(refusal, request);
    const retry = retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
    refuseUpgrade(socket, status, body, { ...retry, ...headers });
  }

  #upgraded(socket: WebSocket, asked: Asked, admission: Admitted): void {
    try {
      const live = this.#protocol.connect(socket, asked, admission);
      this.#live.add(live);
      socket.once("close", () => this.#live.delete(live));
      endWith(admission.signal, socket, live);
    } catch (error) {
      // What was made of it by half must not hear of its faults, and somebody has to.
      socket.removeAllListeners("error").on("error", () => {});
      if (!(error instanceof LinescribeError)) {
        this.#options.log.error({ reason: messageOf(error) }, "a session was not opened");
      }
      this.#protocol.turnAway(socket, error);
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#live].map((live) => live.shut()));
    this.#stopSweeping();
  }
}

/** Who a session is of, for the store and for who may come back to it. */
export function clientOf({ keyId }: Pick<Admitted, "keyId">): string {
  return keyId ?? LOCAL_CLIENT;
}

export function everyInterval(intervalMs: number, task: () => void): () => void {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
