/**
 * Serves `/v1/listen` as a WebSocket: audio in, Deepgram's results out; docs/deepgram.md is its protocol.
 */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Access, Admitted } from "../access/access.ts";
import type { Counters } from "../base/counters.ts";
import { LinescribeError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { UpgradeSource } from "../base/upgrade.ts";
import { ApiError, badOption } from "../http/api-error.ts";
import type { Session } from "../session/session.ts";
import type { SessionListener, SessionRequest } from "../session/session-options.ts";
import type { Sessions } from "../session/sessions.ts";
import { DEFAULT_LIMITS, type SocketLimits } from "../sockets/deadlines.ts";
import { MESSAGE_MAXIMUM_BYTES } from "../sockets/greeting.ts";
import { statusOf } from "../sockets/refusal.ts";
import {
  attachSocketDesk,
  clientOf,
  everyInterval,
  type RefusalAnswer,
  type SocketDesk,
  type SocketProtocol,
  type UpgradeRefusal,
} from "../sockets/socket-desk.ts";
import { type SocketProblem, TellingSocket } from "../sockets/telling-socket.ts";
import { TRACKS } from "../transcript/event.ts";
import type { CallbackQueue } from "./callback-queue.ts";
import { closeOf } from "./close.ts";
import { endpointerOf } from "./endpointing.ts";
import { describeError } from "./error.ts";
import { LiveConnection } from "./live-connection.ts";
import { modelFacts } from "./model.ts";
import { type LiveOptions, type RawFormat, readLiveOptions } from "./options.ts";
import { Outlet } from "./outlet.ts";
import { problemOf } from "./server-message.ts";

export const LISTEN_PATH = "/v1/listen";
/** Without audio, or without a `KeepAlive` after it, ms: theirs. */
export const IDLE_MS = 10_000;

export interface LiveSocketOptions {
  access: Pick<Access, "admit">;
  sessions: Sessions;
  /** Name of the model in its manifest. */
  model: string;
  /** Null: `callback` is not supported. */
  callbacks: CallbackQueue | null;
  limits?: Partial<SocketLimits>;
  log: Logger;
  counters: Counters;
  /** Monotonic ms, for deadlines. */
  monotonic?: () => number;
  /** Runs a task at an interval until the returned function is called. */
  every?: (intervalMs: number, task: () => void) => () => void;
  /** Epoch ms. */
  now?: () => number;
}

/** Serves the upgrades of a source. */
export function attachLiveSocket(source: UpgradeSource, options: LiveSocketOptions): SocketDesk {
  return attachSocketDesk(source, new Listen(options), options);
}

/** Says in the shape of this protocol why the library closes. */
class ListenSocket extends TellingSocket {
  protected override describe({ code, message }: SocketProblem): object {
    return problemOf(code, message);
  }
}

interface Asked {
  id: string;
  options: LiveOptions;
}

class Listen implements SocketProtocol<Asked> {
  readonly name = "deepgram.live";
  readonly Socket = ListenSocket;
  readonly messageMaximumBytes = MESSAGE_MAXIMUM_BYTES;
  readonly #options: Required<LiveSocketOptions> & { limits: SocketLimits };
  /** The id of each request, from its upgrade on. */
  readonly #ids = new WeakMap<IncomingMessage, string>();

  constructor(options: LiveSocketOptions) {
    const { monotonic = () => performance.now(), every = everyInterval, now = Date.now } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits, idleMs: IDLE_MS };
    this.#options = { ...options, monotonic, every, now, limits };
  }

  headersOf(request: IncomingMessage): string[] {
    return [`dg-request-id: ${this.#idOf(request)}`];
  }

  ask(request: IncomingMessage): Asked {
    const { sessions, callbacks } = this.#options;
    const language = (tag: string): string | null => sessions.language(tag);
    const options = readLiveOptions(request.url ?? "", { language });
    const { callback, multichannel, format } = options;
    if (callback !== null && callbacks === null) {
      throw badOption("callback", '"callback" is not supported on the live socket');
    }
    if (callback !== null) callbacks?.check(callback.url);
    if (multichannel && format !== null && format.channels > TRACKS.length) {
      throw badOption("channels", `Expected at most ${TRACKS.length} channels with "multichannel"`);
    }
    sessions.expectRoom(options);
    return { id: this.#idOf(request), options };
  }

  refusalOf(error: unknown): UpgradeRefusal {
    if (error instanceof ApiError) return error;
    const ours = error instanceof LinescribeError ? error : null;
    const { code = "SOCKET_FAILED", message = "The server failed" } = ours ?? {};
    return { status: code.startsWith("FETCH_") ? 400 : statusOf(ours), code, message };
  }

  describe({ status, code, message }: UpgradeRefusal, request: IncomingMessage): RefusalAnswer {
    // Of a file, what is malformed is JSON; here it is the upgrade.
    const ours = code === "REQUEST_MALFORMED" ? "SOCKET_BAD_FRAME" : code;
    return describeError(new ApiError(status, ours, message), this.#idOf(request));
  }

  connect(socket: WebSocket, { id, options: asked }: Asked, admission: Admitted): LiveConnection {
    const { monotonic, model, counters } = this.#options;
    const log = this.#options.log.child({ requestId: id });
    const endpointer = endpointerOf(asked.endpointing);
    const open = (format: RawFormat, listener: SessionListener): Session =>
      this.#options.sessions.open(requestOf(asked, format, endpointer, { id, admission }), listener);
    counters.add("deepgram.live.opened");
    return new LiveConnection(socket, {
      ...this.#options,
      asked,
      facts: { requestId: id, model: modelFacts(model) },
      open,
      outlet: new Outlet({ socket, callback: this.#callbackOf(id, asked, admission), log, counters }),
      prefixPadMs: endpointer.prefixPadMs,
      deadlineAt: monotonic() + admission.maximumSessionMs,
      log,
    });
  }

  turnAway(socket: WebSocket, error: unknown): void {
    const ours = error instanceof LinescribeError ? error : null;
    const { code, variant } = closeOf(ours);
    const message = ours?.message ?? "The server failed";
    socket.send(JSON.stringify(problemOf(variant, message)));
    socket.close(code, variant);
  }

  #idOf(request: IncomingMessage): string {
    const id = this.#ids.get(request) ?? randomUUID();
    this.#ids.set(request, id);
    return id;
  }

  #callbackOf(
    requestId: string,
    { callback }: LiveOptions,
    { keyId }: Admitted,
  ): ((body: string) => void) | null {
    const { callbacks } = this.#options;
    if (callback === null || callbacks === null) return null;
    return (body) => callbacks.enqueue({ requestId, keyId, ...callback, body });
  }
}

function requestOf(
  asked: LiveOptions,
  format: RawFormat,
  endpointer: ReturnType<typeof endpointerOf>,
  { id, admission }: { id: string; admission: Admitted },
): SessionRequest {
  const { language, hints, interimResults: partials, multichannel: separate } = asked;
  return {
    surface: LISTEN_PATH,
    client: clientOf(admission),
    format: { ...format, separate },
    chunking: { mode: "vad", endpointer },
    language,
    hints,
    partials,
    parameters: { ...asked.given, request_id: id },
  };
}
