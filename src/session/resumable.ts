/**
 * Sessions whose client may drop and come back: each has a secret token, and waits for a while without a client.
 *
 * | the session         | its client                   | does                                            |
 * |---------------------|------------------------------|-------------------------------------------------|
 * | goes on             | is attached                  | tells it                                        |
 * | goes on             | attaches while another is    | tells the new one; the old one is displaced     |
 * | goes on             | is away                      | commits what it hears; events are in the store  |
 * | goes on             | is away for `resumeMs`       | ends with its finals, and is forgotten          |
 * | has ended           | is away                      | waits as long, so that the end can be told      |
 * | has ended           | was told of the end          | is forgotten                                    |
 */
import { createHash, randomBytes } from "node:crypto";
import type { Counters } from "../base/counters.ts";
import type { CallEndReason, CallEvent } from "../transcript/event.ts";
import type { TrackPartial } from "../transcript/partial.ts";
import type { Session } from "./session.ts";
import type { SessionListener, SessionRequest } from "./session-options.ts";
import type { Sessions } from "./sessions.ts";
import { TranscriptText } from "./transcript-text.ts";

export interface ResumableSessionsOptions {
  sessions: Sessions;
  /** How long a session waits for its client, ms. */
  resumeMs: number;
  /** Sessions of one client that may wait at once; beyond it the one that waited longest ends. */
  maximumAwayPerClient: number;
  /** Monotonic ms. */
  monotonic: () => number;
  counters: Counters;
}

/** A client at its session. */
export interface AttachedClient extends SessionListener {
  /** Another socket resumed the session: nothing more is told here. */
  displaced(): void;
}

const TOKEN_BYTES = 32;

export class ResumableSession implements SessionListener {
  /** Who opened it, and may resume it. */
  readonly client: string;
  /** When it has to end, monotonic ms. */
  readonly deadlineAt: number;
  readonly transcript = new TranscriptText();
  #session: Session | null = null;
  #attached: AttachedClient | null = null;
  #lastSequence = 0;
  #endReason: CallEndReason | null = null;
  /** Since when nobody is attached, monotonic ms. */
  #awaySince: number;

  constructor(client: string, deadlineAt: number, now: number) {
    this.client = client;
    this.deadlineAt = deadlineAt;
    this.#awaySince = now;
  }

  get session(): Session {
    if (this.#session === null) throw new TypeError("Expected a session that was opened");
    return this.#session;
  }

  set session(session: Session) {
    this.#session = session;
  }

  /** Sequence of the newest committed event. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Why it ended; null until its last event is committed. */
  get endReason(): CallEndReason | null {
    return this.#endReason;
  }

  get awaySince(): number | null {
    return this.#attached === null ? this.#awaySince : null;
  }

  /** From now on this client is told; the one before it is displaced. */
  attach(client: AttachedClient): void {
    const before = this.#attached;
    this.#attached = client;
    before?.displaced();
    // What was left of a sample on the way of the client before comes again.
    this.session.forgetRest();
  }

  /** The client is gone; nothing happens when it was displaced. */
  detach(client: AttachedClient, now: number): void {
    if (this.#attached !== client) return;
    this.#attached = null;
    this.#awaySince = now;
  }

  onEvent(event: CallEvent): void {
    this.#lastSequence = event.sequence;
    if (event.type === "call.ended") this.#endReason = event.reason;
    if (event.type === "transcript.final") this.transcript.add(event.sequence, event.text);
    this.#attached?.onEvent(event);
  }

  onPartial(partial: TrackPartial): void {
    this.#attached?.onPartial?.(partial);
  }
}

export class ResumableSessions {
  readonly #options: ResumableSessionsOptions;
  /** By the hash of their token: the token itself is nowhere, and a look-up takes no time that depends on it. */
  readonly #byToken = new Map<string, ResumableSession>();

  constructor(options: ResumableSessionsOptions) {
    this.#options = options;
  }

  /**
   * Opens a session of `request.client`, to which nobody is attached yet.
   *
   * @param maximumMs - When it has to end, ms from now.
   * @throws {LinescribeError} see `Sessions.open`.
   */
  open(request: SessionRequest, maximumMs: number): { token: string; resumable: ResumableSession } {
    const { sessions, monotonic } = this.#options;
    const now = monotonic();
    const resumable = new ResumableSession(request.client, now + maximumMs, now);
    resumable.session = sessions.open(request, resumable);
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    this.#byToken.set(hashOf(token), resumable);
    return { token, resumable };
  }

  /** The session that `token` resumes, when it is the client's. */
  find(token: string, client: string): ResumableSession | null {
    const found = this.#byToken.get(hashOf(token));
    return found?.client === client ? found : null;
  }

  /** A client is gone for now. */
  detach(resumable: ResumableSession, attached: AttachedClient): void {
    const { monotonic, maximumAwayPerClient, counters } = this.#options;
    resumable.detach(attached, monotonic());
    const away = [...this.#byToken.values()]
      .filter(({ client, awaySince }) => client === resumable.client && awaySince !== null)
      .sort((a, b) => (a.awaySince as number) - (b.awaySince as number));
    for (const oldest of away.slice(0, Math.max(0, away.length - maximumAwayPerClient))) {
      counters.add("sessions.awayDropped");
      this.forget(oldest);
    }
  }

  /** Ends a session, if it has not ended, and forgets its token. */
  forget(resumable: ResumableSession): void {
    void resumable.session.end("stream_closed");
    for (const [hash, other] of this.#byToken) if (other === resumable) this.#byToken.delete(hash);
  }

  /** Forgets the sessions whose client did not come back in time. */
  sweep(): void {
    const { monotonic, resumeMs, counters } = this.#options;
    const now = monotonic();
    for (const resumable of this.#byToken.values()) {
      const { awaySince, deadlineAt } = resumable;
      if (awaySince === null || (now - awaySince < resumeMs && now < deadlineAt)) continue;
      counters.add("sessions.notResumed");
      this.forget(resumable);
    }
  }
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
