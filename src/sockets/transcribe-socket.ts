/**
 * Serves `/ws/transcribe`: raw PCM in, partials and finals out; docs/raw-pcm.md is its protocol.
 *
 * Who may connect, with which options and whether there is room is decided before the upgrade, with an HTTP answer.
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, WebSocketServer } from "ws";
import type { Access, Admitted } from "../access/access.ts";
import { acceptedSubprotocol } from "../access/credential.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { refuseUpgrade, type UpgradeSource } from "../base/upgrade.ts";
import { type ResumableSession, ResumableSessions } from "../session/resumable.ts";
import type { Sessions } from "../session/sessions.ts";
import { endWith } from "./admission-end.ts";
import { Connection } from "./connection.ts";
import { DEFAULT_LIMITS, type SocketLimits } from "./deadlines.ts";
import { greetingOf, MESSAGE_MAXIMUM_BYTES } from "./greeting.ts";
import { type OpenQuery, parseQuery, type ResumeQuery } from "./query.ts";
import { closeCodeOf, RETRY_AFTER_SECONDS, statusOf } from "./refusal.ts";
import { TellingSocket } from "./telling-socket.ts";

export const TRANSCRIBE_PATH = "/ws/transcribe";

const SWEEP_MS = 1000;
/** Sessions of one client that may wait for it at once. */
const MAXIMUM_AWAY_PER_CLIENT = 16;
/** Who connects without a key is this machine. */
const LOCAL_CLIENT = "local";

/** The library's defaults hold 100 MB messages and 68 MB for 2 MB of one-byte fragments. */
const SERVER_OPTIONS: ServerOptions<typeof TellingSocket> & { closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MESSAGE_MAXIMUM_BYTES,
  maxFragments: 64,
  maxBufferedChunks: 1024,
  closeTimeout: 5000,
  handleProtocols: acceptedSubprotocol,
  WebSocket: TellingSocket,
};

export interface TranscribeSocketOptions {
  access: Pick<Access, "admit">;
  sessions: Sessions;
  limits?: Partial<SocketLimits>;
  log: Logger;
  counters: Counters;
  /** Monotonic ms, for deadlines. */
  monotonic?: () => number;
  /** Runs a task at an interval until the returned function is called. */
  every?: (intervalMs: number, task: () => void) => () => void;
}

export interface TranscribeSocket {
  /** Live sockets. */
  readonly open: number;
  /** Refuses new sockets, closes every live one and resolves when all are gone. Their sessions have ended before. */
  close(): Promise<void>;
}

/** Serves the upgrades of a source. */
export function attachTranscribeSocket(
  source: UpgradeSource,
  options: TranscribeSocketOptions,
): TranscribeSocket {
  const desk = new Desk(options);
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

class Desk {
  readonly #options: Required<TranscribeSocketOptions> & { limits: SocketLimits };
  readonly #sockets = new WebSocketServer(SERVER_OPTIONS);
  readonly #resumables: ResumableSessions;
  readonly #live = new Set<Connection>();
  readonly #stopSweeping: () => void;
  #closing = false;

  constructor(options: TranscribeSocketOptions) {
    const { monotonic = () => performance.now(), every = everyInterval } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#options = { ...options, monotonic, every, limits };
    const { sessions, counters } = options;
    const { resumeMs } = limits;
    const maximumAwayPerClient = MAXIMUM_AWAY_PER_CLIENT;
    this.#resumables = new ResumableSessions({
      sessions,
      resumeMs,
      maximumAwayPerClient,
      monotonic,
      counters,
    });
    this.#sockets.on("wsClientError", (error, socket) => {
      options.log.debug({ error: error.message }, "upgrade refused");
      refuseUpgrade(socket, 400, { code: "REQUEST_MALFORMED", message: "Not a WebSocket upgrade" });
    });
    this.#stopSweeping = every(SWEEP_MS, () => {
      for (const connection of this.#live) connection.sweep();
      this.#resumables.sweep();
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
    if (!admission.ok) {
      const { status, code, message, retryAfterSeconds } = admission;
      this.#options.counters.add(`sockets.refused.${code}`);
      refuseUpgrade(socket, status, { code, message }, retryAfter(retryAfterSeconds));
      return;
    }
    if (socket.destroyed) admission.release();
    else {
      socket.once("close", () => admission.release());
      this.#admitted(request, socket, head, admission);
    }
  }

  #admitted(request: IncomingMessage, socket: Duplex, head: Buffer, admission: Admitted): void {
    try {
      if (this.#closing) throw new LinescribeError("SERVER_DRAINING", "The server is shutting down");
      const query = parseQuery(request.url ?? "");
      const found = query.kind === "resume" ? this.#find(query, admission) : null;
      if (query.kind === "open") this.#options.sessions.expectRoom(query);
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.#upgraded(webSocket, query, found, admission),
      );
    } catch (error) {
      this.#refuse(socket, error);
    }
  }

  #find({ token }: ResumeQuery, admission: Admitted): ResumableSession {
    const found = this.#resumables.find(token, clientOf(admission));
    if (found) return found;
    throw new LinescribeError("SESSION_UNKNOWN", "The session is unknown, or was not resumed in time");
  }

  #refuse(socket: Duplex, error: unknown): void {
    const { counters, log } = this.#options;
    const ours = error instanceof LinescribeError ? error : null;
    if (ours === null) log.error({ reason: messageOf(error) }, "an upgrade failed");
    const code = ours?.code ?? "SOCKET_FAILED";
    const status = statusOf(ours);
    counters.add(`sockets.refused.${code}`);
    const message = ours?.message ?? "The server failed";
    refuseUpgrade(
      socket,
      status,
      { code, message },
      retryAfter(status === 503 ? RETRY_AFTER_SECONDS : undefined),
    );
  }

  #upgraded(
    socket: TellingSocket,
    query: OpenQuery | ResumeQuery,
    found: ResumableSession | null,
    admission: Admitted,
  ): void {
    const { log, counters } = this.#options;
    try {
      const opened = query.kind === "open" ? this.#open(query, admission) : null;
      const resumable = opened?.resumable ?? (found as ResumableSession);
      const after = query.kind === "resume" ? query.after : 0;
      const token = query.kind === "resume" ? query.token : (opened?.token as string);
      counters.add(query.kind === "resume" ? "sockets.resumed" : "sockets.opened");
      const connection = new Connection(socket, {
        ...this.#options,
        resumable,
        sessions: this.#resumables,
        after,
        greeting: greetingOf(resumable, { token, resumed: query.kind === "resume" }, this.#options),
        log: log.child({ session: resumable.session.id }),
      });
      this.#live.add(connection);
      socket.once("close", () => this.#live.delete(connection));
      endWith(admission.signal, socket, connection);
    } catch (error) {
      socket.on("error", () => {});
      const ours = error instanceof LinescribeError ? error : null;
      if (ours === null) log.error({ reason: messageOf(error) }, "a session was not opened");
      const [code, message] = [ours?.code ?? "SOCKET_FAILED", ours?.message ?? "The server failed"];
      socket.send(JSON.stringify({ type: "error", code, message }));
      socket.close(closeCodeOf(ours), code);
    }
  }

  #open(query: OpenQuery, admission: Admitted): { token: string; resumable: ResumableSession } {
    const { format, chunking, language, hints, partials, given: parameters } = query;
    const client = clientOf(admission);
    const request = {
      surface: TRANSCRIBE_PATH,
      client,
      format,
      chunking,
      language,
      hints,
      partials,
      parameters,
    };
    return this.#resumables.open(request, admission.maximumSessionMs);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#live].map((connection) => connection.shut()));
    this.#stopSweeping();
  }
}

function clientOf({ keyId }: Admitted): string {
  return keyId ?? LOCAL_CLIENT;
}

function retryAfter(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { "Retry-After": String(seconds) };
}

function everyInterval(intervalMs: number, task: () => void): () => void {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
