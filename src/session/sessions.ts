/**
 * The sessions of this machine: opened while there is room, remembered by the store, ended with their finals.
 */
import { randomBytes } from "node:crypto";
import type { Counters } from "../base/counters.ts";
import { LinescribeError, messageOf } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Detector, TextRecogniser } from "../call/ports.ts";
import type { UnfinishedCall } from "../store/recovery.ts";
import type { Store } from "../store/store.ts";
import type { CallEvent, EventDraft } from "../transcript/event.ts";
import type { TrackPartial, TranscriptPartial } from "../transcript/partial.ts";
import { Session } from "./session.ts";
import {
  type SessionEndReason,
  type SessionListener,
  type SessionOptions,
  type SessionRequest,
  tracksOf,
} from "./session-options.ts";

export interface SessionsOptions {
  detector: Detector;
  recogniser: TextRecogniser & {
    /** The code that the model has for a tag, `auto`, or null. */
    language(tag: string): string | null;
    /** Seconds of audio that wait for recognition, of calls and sessions. */
    readonly pendingSeconds: number;
  };
  store: Pick<Store, "openCall" | "setMediaStart" | "saveWatermarks" | "unfinishedCalls" | "events">;
  /** Resolves to the events that are new when they are durable. */
  commit: (id: string, drafts: EventDraft[]) => Promise<CallEvent[]>;
  /** Told what is being said in any session that makes partials. */
  onPartial?: (partial: TranscriptPartial) => void;
  /** Whether the store takes nothing at the moment. */
  storeFailing: () => boolean;
  limits: SessionsLimits;
  /** Unix ms. */
  now: () => number;
  logger: Logger;
  counters: Counters;
}

export interface SessionsLimits {
  /** Sessions at once, resumable ones that wait for their client included. */
  sessions: number;
  /** Seconds of audio that may wait for recognition before new sessions are refused. */
  backlogSeconds: number;
}

/** A shorter hole holds no sound, ms. */
const SHORTEST_GAP_MS = 20;

const ID_PREFIX = "ses_";

/** Whether an id is that of a session; a carrier's never is. */
export function isSessionId(id: string): boolean {
  return id.startsWith(ID_PREFIX);
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #live = new Map<string, Session>();
  /** Sessions whose media start the store has. */
  readonly #startSaved = new Set<string>();
  #draining = false;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  /** Sessions that have not ended. */
  get active(): number {
    return this.#live.size;
  }

  /** Why no session can be opened now, or null. */
  get refusal(): LinescribeError | null {
    const { limits, recogniser, storeFailing } = this.#options;
    if (this.#draining) return new LinescribeError("SERVER_DRAINING", "The server is shutting down");
    const full = this.#live.size >= limits.sessions;
    if (!full && recogniser.pendingSeconds <= limits.backlogSeconds && !storeFailing()) return null;
    const reason = full ? "has its maximum of sessions" : "cannot keep up at the moment";
    return new LinescribeError("SESSION_OVERLOADED", `The server ${reason}`, { retryable: true });
  }

  /** The code that the model has for a language tag, `auto`, or null when it does not know it. */
  language(tag: string): string | null {
    return this.#options.recogniser.language(tag);
  }

  /**
   * Whether such a session could be opened now, so that a client can be refused early.
   *
   * @throws {LinescribeError} `SERVER_DRAINING`, `SESSION_OVERLOADED` or `ASR_BAD_LANGUAGE`.
   */
  expectRoom({ language }: Pick<SessionRequest, "language">): void {
    const { refusal } = this;
    if (refusal) {
      this.#options.counters.add(`sessions.refused.${refusal.code}`);
      throw refusal;
    }
    if (this.language(language) !== null) return;
    throw new LinescribeError("ASR_BAD_LANGUAGE", "The model does not know the language that was asked for");
  }

  /**
   * Opens a session.
   *
   * @throws {LinescribeError} `SERVER_DRAINING`, `SESSION_OVERLOADED`, `ASR_BAD_LANGUAGE`, `STORE_FULL` or
   *   `STORE_FAILED`; nothing is open then.
   */
  open(request: SessionRequest, listener: SessionListener): Session {
    const { recogniser, detector, store, commit, onPartial, now, logger, counters } = this.#options;
    this.expectRoom(request);
    const modelLanguage = this.language(request.language) as string;
    const id = `${ID_PREFIX}${randomBytes(15).toString("base64url")}`;
    const { surface: to, client: from } = request;
    const tracks = tracksOf(request);
    const facts = { kind: "session", to, from, mode: "connect", endpoint: null } as const;
    store.openCall({ callSid: id, ...facts, tracks, startedAt: now() });
    const log = logger.child({ session: id });
    const options = {
      ...request,
      id,
      modelLanguage,
      detector,
      recogniser,
      commit: (drafts: EventDraft[]) => commit(id, drafts),
      events: (after: number, limit: number) => store.events(id, after, limit),
      onPartial: onPartial && ((partial: TrackPartial) => onPartial({ ...partial, callSid: id })),
      onEnded: () => this.#ended(id),
      now,
      logger: log,
      counters,
    };
    const session = this.#create(options, listener);
    this.#live.set(id, session);
    counters.add("sessions.opened");
    log.info({ surface: to, client: from, chunking: request.chunking.mode }, "session opened");
    return session;
  }

  /** The store has the session already: one that is not to be had ends there. */
  #create(options: SessionOptions, listener: SessionListener): Session {
    try {
      return new Session(options, listener);
    } catch (error) {
      const { id, commit, logger } = options;
      const ended = { reason: "stream_closed", durationMs: 0, finals: 0, gaps: 0 } as const;
      commit([{ type: "call.ended", ...ended }]).catch((reason) =>
        logger.error(
          { session: id, reason: messageOf(reason) },
          "a session that failed to open was not ended",
        ),
      );
      throw error;
    }
  }

  /** No new sessions from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Ends every session; resolves when the last `call.ended` is committed. */
  async endAll(reason: SessionEndReason): Promise<void> {
    await Promise.all([...this.#live.values()].map((session) => session.end(reason)));
  }

  /** Stores how far every session has come: what a crash takes is told up to there. */
  saveWatermarks(): void {
    const { store } = this.#options;
    const rows = [...this.#live.values()].flatMap((session) => {
      const { id, mediaStartAt } = session;
      if (mediaStartAt !== null && !this.#startSaved.has(id)) {
        store.setMediaStart(id, mediaStartAt);
        this.#startSaved.add(id);
      }
      return session.progress().map((progress) => ({ callSid: id, ...progress }));
    });
    if (rows.length > 0) store.saveWatermarks(rows);
  }

  /** Ends the sessions that an earlier run left open: what was heard and not committed becomes a gap. */
  recover(): number {
    const { store, commit, logger } = this.#options;
    const lost = store.unfinishedCalls().filter(({ kind }) => kind === "session");
    for (const session of lost) {
      commit(session.callSid, endOf(session)).catch((error) =>
        logger.error({ session: session.callSid, reason: messageOf(error) }, "a lost session was not ended"),
      );
    }
    if (lost.length > 0) logger.warn({ sessions: lost.length }, "ended the sessions of an earlier run");
    return lost.length;
  }

  #ended(id: string): void {
    this.#live.delete(id);
    this.#startSaved.delete(id);
    this.#options.counters.add("sessions.ended");
  }
}

/** The last events of a session that a crash cut off. */
function endOf({ tracks, finals, gaps }: UnfinishedCall): EventDraft[] {
  const lost = tracks.flatMap(({ track, label, nextGap, uncovered }) =>
    uncovered
      .filter(({ startMs, endMs }) => endMs - startMs >= SHORTEST_GAP_MS)
      .map(({ startMs, endMs }, index) => {
        const place = { startMs: Math.round(startMs), endMs: Math.round(endMs) };
        return {
          type: "transcript.gap",
          track,
          label,
          gap: nextGap + index,
          ...place,
          cause: "crash",
        } as const;
      }),
  );
  const durationMs = Math.round(Math.max(0, ...tracks.map(({ mediaMs }) => mediaMs)));
  return [...lost, { type: "call.ended", reason: "crash", durationMs, finals, gaps: gaps + lost.length }];
}
