/**
 * Accepts the carrier's media sockets and runs a stream on each.
 *
 * Whoever dials is unauthenticated until a `start` with a good token: before that the socket holds nothing but its
 * own state, and closes in seconds. No data message is ever sent: on a `<Start>` stream the carrier takes one as a
 * protocol error. Pings keep proxies from closing a socket.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { ErrorCode } from "../base/codes.ts";
import type { Counters } from "../base/counters.ts";
import { messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { refuseUpgrade, type UpgradeSource } from "../base/upgrade.ts";
import { MEDIA_PATH } from "./address.ts";
import { DEFAULT_LIMITS, type SocketLimits } from "./deadlines.ts";
import type { FinishedStreams } from "./finished.ts";
import { MediaConnection } from "./media-connection.ts";
import { MESSAGE_MAXIMUM_BYTES } from "./message.ts";
import { PeerCounts } from "./peers.ts";
import type { TelephonyPort } from "./port.ts";
import { CLOSE_GOING_AWAY } from "./refusal.ts";
import { checkUpgrade, type SignatureKeys, type UpgradePolicy } from "./signature.ts";
import type { StreamTokens } from "./token.ts";

const SWEEP_MS = 1000;
/** How long a peer may take to answer our close frame before the socket is destroyed. */
const CLOSE_TIMEOUT_MS = 5000;

/** The library's defaults hold 68 MB for 2 MB of one-byte fragments; the carrier does not fragment. */
const SERVER_OPTIONS: ServerOptions & { closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MESSAGE_MAXIMUM_BYTES,
  maxFragments: 64,
  maxBufferedChunks: 1024,
  closeTimeout: CLOSE_TIMEOUT_MS,
};

export interface MediaSocketOptions {
  port: TelephonyPort;
  tokens: StreamTokens;
  finished: FinishedStreams;
  /** Read at each upgrade, because a test's port is known late. */
  keys: () => SignatureKeys;
  upgradePolicy: UpgradePolicy;
  log: Logger;
  counters: Counters;
  limits?: Partial<SocketLimits> | undefined;
  /** Sockets in all. */
  maximumSockets?: number | undefined;
  /** Unauthenticated sockets of one address. */
  maximumUnauthenticatedPerAddress?: number | undefined;
  /** The peer's address; behind a proxy the application knows better than the socket. */
  addressOf?: ((request: IncomingMessage) => string) | undefined;
  /** Unix ms, for `startedAt`. */
  now: () => number;
  /** Monotonic ms, for deadlines. */
  monotonic: () => number;
  /** Runs a task at an interval until the returned function is called. */
  every?: ((intervalMs: number, task: () => void) => () => void) | undefined;
}

export interface MediaSocket {
  /** Live sockets, authenticated or not. */
  readonly open: number;
  /**
   * Ends the stream of a call from our side. On a `connect` number the carrier then goes on with what follows the
   * stream. Returns false when the call has no open stream.
   */
  closeStream(callSid: string): boolean;
  /** Refuses new sockets, closes every live one and resolves when all are gone, within the close timeout. */
  close(code?: number): Promise<void>;
}

/** Serves `/twilio/media` on the upgrades of a source; every other path is refused. */
export function attachMediaSocket(source: UpgradeSource, options: MediaSocketOptions): MediaSocket {
  const sockets = new WebSocketServer(SERVER_OPTIONS);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const live = new Set<MediaConnection>();
  const gate = new UpgradeGate(options, live);
  let closing = false;

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // First of all: a reset before the upgrade is done would otherwise be an uncaught exception.
    socket.on("error", (error) => options.log.debug({ error: messageOf(error) }, "media socket reset"));
    if (closing) {
      refuseUpgrade(socket, 503, { code: "SERVER_DRAINING", message: "The server is shutting down" });
    }
    const leave = closing ? null : gate.admit(request, socket);
    if (leave === null) return;
    socket.once("close", leave);
    sockets.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      const connection = new MediaConnection(webSocket, { ...options, limits, onAuthenticated: leave });
      live.add(connection);
      webSocket.once("close", () => live.delete(connection));
    });
  };

  sockets.on("wsClientError", (error, socket, request) => {
    options.log.debug({ error: error.message, path: request.url?.slice(0, 100) }, "upgrade refused");
    refuseUpgrade(socket, 400, { code: "REQUEST_MALFORMED", message: "Not a WebSocket upgrade" });
  });
  source.on("upgrade", onUpgrade);
  const stop = (options.every ?? everyInterval)(SWEEP_MS, () => {
    for (const connection of live) connection.sweep();
  });

  return {
    get open() {
      return live.size;
    },
    closeStream(callSid) {
      const streams = [...live].filter((connection) => connection.callSid === callSid);
      for (const connection of streams) connection.finish();
      return streams.length > 0;
    },
    async close(code = CLOSE_GOING_AWAY) {
      closing = true;
      await Promise.all([...live].map((connection) => connection.shut(code)));
      stop();
      source.off("upgrade", onUpgrade);
    },
  };
}

/** Everything that is checked before a socket is upgraded, cheapest first. */
class UpgradeGate {
  readonly #options: MediaSocketOptions;
  readonly #live: ReadonlySet<MediaConnection>;
  readonly #peers: PeerCounts;

  constructor(options: MediaSocketOptions, live: ReadonlySet<MediaConnection>) {
    this.#options = options;
    this.#live = live;
    this.#peers = new PeerCounts(options.maximumUnauthenticatedPerAddress ?? 100);
  }

  /** Returns what counts the peer out again, or null when the upgrade was refused. */
  admit(request: IncomingMessage, socket: Duplex): (() => void) | null {
    const url = request.url ?? "";
    const [path = ""] = url.split("?", 1);
    if (path !== MEDIA_PATH && path !== `${MEDIA_PATH}/`) {
      return this.#refuse(socket, 404, "REQUEST_MALFORMED", "No socket here");
    }
    if (path !== url) return this.#refuse(socket, 400, "REQUEST_MALFORMED", "Expected a URL without a query");
    const { maximumSockets = 2000 } = this.#options;
    if (this.#live.size >= maximumSockets) {
      return this.#refuse(socket, 503, "CALL_OVERLOADED", `Expected fewer than ${maximumSockets} sockets`);
    }
    if (!this.#signed(request, path)) {
      return this.#refuse(socket, 403, "REQUEST_BAD_SIGNATURE", "The signature is missing or wrong");
    }
    const leave = this.#peers.enter(this.#addressOf(request));
    return leave ?? this.#refuse(socket, 429, "CALL_OVERLOADED", "Too many sockets from this address");
  }

  #addressOf(request: IncomingMessage): string {
    return this.#options.addressOf?.(request) ?? request.socket.remoteAddress ?? "unknown";
  }

  #signed(request: IncomingMessage, path: string): boolean {
    const { keys, upgradePolicy, log } = this.#options;
    const header = request.headers["x-twilio-signature"];
    const verdict = checkUpgrade(keys(), upgradePolicy, path, Array.isArray(header) ? header[0] : header);
    if (verdict.valid) return true;
    log.warn(
      {
        code: "REQUEST_BAD_SIGNATURE",
        reason: verdict.reason,
        urlsChecked: verdict.checkedUrls,
        urlSeen: `${request.headers.host ?? ""}${request.url ?? ""}`.slice(0, 300),
      },
      "media socket refused: the signature does not match",
    );
    return false;
  }

  #refuse(socket: Duplex, status: number, code: ErrorCode, message: string): null {
    this.#options.counters.add(`media.refused.${status}`);
    refuseUpgrade(socket, status, { code, message });
    return null;
  }
}

function everyInterval(intervalMs: number, task: () => void): () => void {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
