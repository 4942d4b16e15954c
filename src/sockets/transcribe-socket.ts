/**
 * Serves `/ws/transcribe`: raw PCM in, partials and finals out; docs/raw-pcm.md is its protocol.
 */
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Access, Admitted } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { UpgradeSource } from "../base/upgrade.ts";
import { type ResumableSession, ResumableSessions } from "../session/resumable.ts";
import type { Sessions } from "../session/sessions.ts";
import { Connection } from "./connection.ts";
import { DEFAULT_LIMITS, type SocketLimits } from "./deadlines.ts";
import { greetingOf, MESSAGE_MAXIMUM_BYTES } from "./greeting.ts";
import { type OpenQuery, parseQuery, type ResumeQuery } from "./query.ts";
import { closeCodeOf, statusOf } from "./refusal.ts";
import {
  attachSocketDesk,
  clientOf,
  everyInterval,
  type RefusalAnswer,
  type SocketDesk,
  type SocketProtocol,
  type UpgradeRefusal,
} from "./socket-desk.ts";
import { TellingSocket } from "./telling-socket.ts";

export const TRANSCRIBE_PATH = "/ws/transcribe";

/** Sessions of one client that may wait for it at once. */
const MAXIMUM_AWAY_PER_CLIENT = 16;

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

/** Serves the upgrades of a source. */
export function attachTranscribeSocket(source: UpgradeSource, options: TranscribeSocketOptions): SocketDesk {
  return attachSocketDesk(source, new RawPcm(options), options);
}

type Asked = { query: OpenQuery; found: null } | { query: ResumeQuery; found: ResumableSession };

class RawPcm implements SocketProtocol<Asked> {
  readonly name = "sockets";
  readonly Socket = TellingSocket;
  readonly messageMaximumBytes = MESSAGE_MAXIMUM_BYTES;
  readonly #options: Required<TranscribeSocketOptions> & { limits: SocketLimits };
  readonly #resumables: ResumableSessions;

  constructor(options: TranscribeSocketOptions) {
    const { monotonic = () => performance.now(), every = everyInterval } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#options = { ...options, monotonic, every, limits };
    const { sessions, counters } = options;
    this.#resumables = new ResumableSessions({
      sessions,
      resumeMs: limits.resumeMs,
      maximumAwayPerClient: MAXIMUM_AWAY_PER_CLIENT,
      monotonic,
      counters,
    });
  }

  ask(request: IncomingMessage, admission: Admitted): Asked {
    const query = parseQuery(request.url ?? "");
    if (query.kind === "resume") return { query, found: this.#find(query, admission) };
    this.#options.sessions.expectRoom(query);
    return { query, found: null };
  }

  refusalOf(error: unknown): UpgradeRefusal {
    const ours = error instanceof LinescribeError ? error : null;
    const { code = "SOCKET_FAILED", message = "The server failed" } = ours ?? {};
    return { status: statusOf(ours), code, message };
  }

  describe({ code, message }: UpgradeRefusal): RefusalAnswer {
    return { body: { code, message } };
  }

  connect(socket: WebSocket, asked: Asked, admission: Admitted): Connection {
    const { log, counters } = this.#options;
    const resumed = asked.query.kind === "resume";
    const { token, resumable } = this.#session(asked, admission);
    counters.add(resumed ? "sockets.resumed" : "sockets.opened");
    return new Connection(socket, {
      ...this.#options,
      resumable,
      sessions: this.#resumables,
      after: asked.query.kind === "resume" ? asked.query.after : 0,
      greeting: greetingOf(resumable, { token, resumed }, this.#options),
      log: log.child({ session: resumable.session.id }),
    });
  }

  turnAway(socket: WebSocket, error: unknown): void {
    const { code, message } = this.refusalOf(error);
    socket.send(JSON.stringify({ type: "error", code, message }));
    socket.close(closeCodeOf(error instanceof LinescribeError ? error : null), code);
  }

  sweep(): void {
    this.#resumables.sweep();
  }

  #find({ token }: ResumeQuery, admission: Admitted): ResumableSession {
    const found = this.#resumables.find(token, clientOf(admission));
    if (found) return found;
    throw new LinescribeError("SESSION_UNKNOWN", "The session is unknown, or was not resumed in time");
  }

  #session({ query, found }: Asked, admission: Admitted): { token: string; resumable: ResumableSession } {
    if (query.kind === "resume") return { token: query.token, resumable: found as ResumableSession };
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
}
